"""Marked names go through every path, failing ones too, and nothing but store and artifacts may hold them.

Everything that a test prints or writes lies under one folder: the home with its state, TMPDIR, and what each command
said. In the end every byte of it is searched. The client's secret and tokens may be nowhere at all. Over 300 lines: one
search at the end of many paths, which is only worth something while all of them stand together.
"""

import csv
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import marked
from support.commands import Commands, Desk, Done, until
from support.marked import BIRTH, CLIENT_ID, EMAIL, FAMILY, GIVEN, PHONE, SECRET, TOKEN
from support.quirky import BASE, Quirky, Reply, Request

ENV = {"ROSTERSYNC_CLIENT_ID": CLIENT_ID, "ROSTERSYNC_CLIENT_SECRET": SECRET}
QUICK = ("--threads", "1", "--memory", "512")


@pytest.fixture
def desk(warm: Commands, tmp_path: Path) -> Desk:
    return Desk(warm, tmp_path, dict(ENV))


def manifest(desk: Desk, server: Quirky, more: str = "") -> Path:
    return desk.write("connection.yaml", marked.CONNECTION.format(url=server.url, more=more))


def run(desk: Desk, *args: Any, exits: int | None = None, **options: Any) -> Done:
    return desk("run", "-f", "connection.yaml", *QUICK, "--debug", *args, exits=exits, **options)


def clean(desk: Desk, but: tuple[Path, ...] = ()) -> None:
    """Nothing but store and artifacts has marks, nothing has secrets, and strangers can read neither."""
    assert marked.found(desk.root, [desk.state / "store", desk.state / "artifacts", *but]) == {}
    assert marked.secrets(desk.root) == {}
    assert list((desk.root / "tmp").iterdir()) == []
    for folder in (desk.state / "store", desk.state / "artifacts"):
        if folder.exists():
            open_ = [p for p in (folder, *folder.rglob("*")) if p.stat().st_mode & 0o077]
            assert open_ == [], [oct(p.stat().st_mode) for p in open_]


def test_the_search_finds_marks_and_secrets(desk: Desk, warm: Commands) -> None:
    (desk.root / "a").write_text(f'{{"name": "{GIVEN.upper()}"}}')
    (desk.root / "b").write_text(f"born {BIRTH}, call {PHONE}")
    (desk.root / EMAIL).touch()
    (desk.root / "c").write_text(TOKEN)
    assert marked.found(desk.root).keys() == {"a", "b", EMAIL}
    assert marked.secrets(desk.root).keys() == {"c"}


def test_records_of_every_fate(desk: Desk) -> None:
    """Accepted, held back, malformed, dangling, doubled, of unknown role and status; then every command that looks."""
    exported, shown = desk.root / "exported", []
    data = marked.district()
    with marked.server(data, total="body", next="body") as server:
        manifest(desk, server, marked.CHECKED)
        desk("check", "-f", "connection.yaml", exits=0)
        desk("check", "-f", "connection.yaml", "--output", "json", exits=0)
        first = run(desk, "--output", "json", exits=0).json
        assert first["status"]["totals"]["errors"] > 30
        assert first["status"]["totals"]["duplicates"] == 3  # two that share a domain, and one in two rows that differ
        assert {(i["entity"], i["code"]) for i in first["status"]["issues"] if "entity" in i} >= {
            ("Student", "DanglingReference"),
            ("Student", "FormatFailed"),
            ("Demographics", "Malformed"),
            ("Enrollment", "DanglingReference"),
            ("Contact", "FormatFailed"),
        }
        name = first["metadata"]["name"]
        for _ in range(2):  # the table for people, and the objects
            for command in ("show", "runs", "issues"):
                desk(command, *(["--output", "json"] if _ else []), exits=0)
        shown += [desk.jobs / f"{len(list(desk.jobs.iterdir())):03d}-diff"]
        assert GIVEN in desk("diff", name, "--limit", "0", exits=0).out
        shown += [desk.jobs / f"{len(list(desk.jobs.iterdir())):03d}-issues"]
        assert "qzxid-student-805" in desk("issues", name, "--records", exits=0).out
        desk("export", "--to", exported, exits=0)
        desk("backup", "--to", exported.parent / "copy.duckdb", exits=0)
        desk("compact", exits=0)
    with (exported / "users.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {FAMILY} == {r["familyName"] for r in rows if r["role"] == "student"}
    assert not any("qzxpassword" in str(r).casefold() for r in rows)
    clean(desk, (exported, exported.parent / "copy.duckdb", *shown))


def test_a_held_run_decided_in_every_way(desk: Desk) -> None:
    data = marked.district(sound=True)
    with marked.server(data) as server:
        manifest(desk, server)
        run(desk, exits=0)
        data["users"], kept = [u for u in data["users"] if u["sourcedId"][-3:] > "012"], data["users"]
        report = desk.home / "report.json"
        held = run(desk, "--output", "yaml", exits=3)
        name = desk.runs()[0]["metadata"]["name"]
        assert "Threshold" in held.out
        assert run(desk, exits=3).code == 3
        assert desk.runs()[0]["status"]["outcome"] == "SameAsHeld"
        desk("plan", "-f", "connection.yaml", "--report", report, *QUICK, exits=0)
        desk("apply", name, "--report", report, exits=3)
        desk("show", name, exits=0)
        desk("reject", name, "--reason", "the export was empty", exits=0)
        desk("apply", name, "--report", report, exits=1)
        run(desk, exits=3)
        name = desk.runs()[0]["metadata"]["name"]
        desk("approve", name, "--reason", "they have left", "--output", "json", exits=0)
        data["users"] = kept
        run(desk)  # they come back: tombstones, history
        desk("runs", exits=0)
        completes(desk)
    clean(desk)


def completes(desk: Desk) -> None:
    """Completion of the shell says nothing of records either."""
    for shell in ("bash", "zsh", "fish"):
        desk(exits=0, _ROSTERSYNC_COMPLETE=f"{shell}_source")
    words = {"COMP_WORDS": "rostersync show ", "COMP_CWORD": "2"}
    desk(_ROSTERSYNC_COMPLETE="bash_complete", **words)


REQUIREMENTS = {
    "Fail": ('{entity: Teacher, attribute: email, pattern: "[a-z]+", action: Fail}', 1, "RequirementFailed"),
    "Hold": ('{entity: Teacher, attribute: email, pattern: "[a-z]+", action: Hold}', 3, "RequirementHold"),
}


@pytest.mark.parametrize("action", REQUIREMENTS)
def test_requirements_that_stop_the_run(desk: Desk, action: str) -> None:
    rule, code, reason = REQUIREMENTS[action]
    with marked.server(marked.district(sound=True)) as server:
        manifest(desk, server, f"  dataRequirements: [{rule}]")
        done = run(desk, "--output", "json", exits=code)
        assert reason in done.out
        desk("show", exits=0)
    clean(desk)


PEOPLE = f'{{"users": [{{"sourcedId": "qzxid-1", "givenName": "{GIVEN}", "familyName": "{FAMILY}"'


def _html(request: Request) -> Reply:
    return Reply(f"<html><body>{GIVEN} {FAMILY} is not logged in</body></html>".encode(), 200)


def _redirect(request: Request) -> Reply:
    return Reply(b"", 302, {"Location": f"http://other.example/{EMAIL}?name={FAMILY}"})


def _to_a_person(request: Request) -> Reply | None:
    if "qzxnext" in request.path:
        return Reply({"error": GIVEN}, 500)
    url = f"http://{request.headers['host']}{BASE}/users/qzxnext/{EMAIL}?after={FAMILY}"
    return Reply({"users": [marked.person(1)], "pagination": {"next": url}})


def _echo_of_the_request(request: Request) -> Reply:
    return Reply({"error": f"bad request {request.headers} of {GIVEN}"}, 500)


def _total_of_words(request: Request) -> Reply:
    return Reply(
        {"users": [marked.person(1)]},
        200,
        {"X-Total-Count": GIVEN.encode().decode("latin-1"), "Link": f"<{EMAIL}>; rel=next"},
    )


USERS_ANSWER: dict[str, Callable[[Request], Reply | None]] = {
    "500": lambda r: Reply({"error": f"cannot serialise {GIVEN} {FAMILY} born {BIRTH}"}, 500),
    "401": lambda r: Reply({"error": f"{EMAIL} may not read {GIVEN}"}, 401),
    "403": lambda r: Reply({"error": f"{EMAIL} may not read {GIVEN}"}, 403),
    "418": lambda r: Reply({"error": f"{EMAIL} is a teapot"}, 418),
    "429": lambda r: Reply({"error": f"slower, {GIVEN}"}, 429, {"Retry-After": EMAIL}),
    "malformed": lambda r: Reply(PEOPLE.encode() + b"}, !"),
    "half a page": lambda r: Reply(PEOPLE.encode() + b"}]}", 200, cut=len(PEOPLE) // 2),
    "broken encoding": lambda r: Reply(PEOPLE.encode(), 200, {"Content-Encoding": "gzip"}),
    "not UTF-8": lambda r: Reply(PEOPLE.encode("latin-1") + b"\xff\xfe}]}"),
    "error with 200": lambda r: Reply({"imsx_description": f"{GIVEN} has no school", "imsx_severity": "error"}),
    "no object": lambda r: Reply({"users": f"{GIVEN} and {FAMILY}"}),
    "HTML": _html,
    "redirect": _redirect,
    "next with a name": _to_a_person,
    "headers": _total_of_words,
    "echo of the request": _echo_of_the_request,
}


@pytest.mark.parametrize("kind", USERS_ANSWER)
def test_a_server_that_echoes_names(desk: Desk, kind: str) -> None:
    answer = USERS_ANSWER[kind]
    with marked.server(answer=lambda r: answer(r) if "/users" in r.path else None) as server:
        manifest(desk, server, "")
        done = run(desk, "--output", "json", exits=0 if kind == "headers" else 1)
        desk("check", "-f", "connection.yaml", "--debug")
        asked = len(server.asked("users")) + sum("qzxnext" in r.path for r in server.requests)
    assert asked, "the server has told its names"
    if done.code:
        assert done.error["message"] == done.json["status"]["conditions"][0]["message"]
    clean(desk)


def _tells_the_secret(status: int) -> Callable[[Request], Reply]:
    return lambda r: Reply(
        {"error": f"wrong secret {SECRET} of {CLIENT_ID}", "form": str(r.form), "basic": r.headers}, status
    )


def _token_in_a_refusal(request: Request) -> Reply | None:
    return Reply({"error": f"no such token: {request.headers.get('authorization')}"}, 401 if request.nth % 2 else 500)


TOKEN_ANSWER: dict[str, dict[str, Any]] = {
    **{str(status): {"token": _tells_the_secret(status)} for status in (400, 401, 404, 500)},
    "200 without token": {"token": _tells_the_secret(200)},
    "not JSON": {"token": lambda r: Reply(f"hello {SECRET}".encode())},
    "of the token": {"answer": _token_in_a_refusal},
}


@pytest.mark.parametrize("kind", TOKEN_ANSWER)
def test_a_server_that_echoes_secrets(desk: Desk, kind: str) -> None:
    with marked.server(**TOKEN_ANSWER[kind]) as server:
        manifest(desk, server)
        run(desk, exits=1)
        desk("check", "-f", "connection.yaml", "--debug", exits=1)
    assert any((desk.state / "artifacts").glob("*/errors/*.txt")), "what the server said is kept, without the secret"
    clean(desk)


CRASHES = {
    "crash_in_extract": "Unexpected",
    "crash_in_shape": "Unexpected",
    "crash_without_memory": "OutOfMemory",
    "crash_in_link": "Unexpected",
    "crash_in_compare": "Unexpected",
    "truncated_part": "Unexpected",
    "strange_part": "Unexpected",
    "crash_in_apply": "StoreFailed",
}


@pytest.mark.parametrize("crash", CRASHES)
def test_a_crash_whose_text_holds_a_record(desk: Desk, crash: str) -> None:
    with marked.server(marked.district(sound=True)) as server:
        manifest(desk, server)
        words = ("run",) if crash == "crash_in_apply" else ("plan", "--report", desk.home / "report.json")
        done = desk(*words, "-f", "connection.yaml", *QUICK, "--debug", exits=1, hook=f"support.sabotage:{crash}")
        assert done.error["reason"] == CRASHES[crash]
        assert "Traceback" not in done.err
        assert ".py:" in done.err, "--debug says where"
        desk("show", "--output", "yaml", exits=0)
    texts = list((desk.state / "artifacts").glob("*/errors/*.txt"))
    assert texts
    if not crash.endswith("_part"):
        assert marked.marks(b"".join(p.read_bytes() for p in texts)), "the full text is among the artifacts"
    clean(desk)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_spill_files_and_half_made_folders_do_not_outlive_a_killed_run(desk: Desk, number: int) -> None:
    with marked.server(marked.district(sound=True)) as server:
        manifest(desk, server)
        for hook, word in (
            ("spill_and_wait", "spilled"),
            ("wait_in_extract", "reached"),
            ("wait_in_freeze", "reached"),
        ):
            said = desk.root / hook
            said.mkdir()
            running = desk.start(
                "run", "-f", "connection.yaml", *QUICK, "--debug", hook=f"support.sabotage:{hook}", SABOTAGE=str(said)
            )
            until(lambda said=said, word=word: (said / word).exists())
            if word == "spilled":
                assert any(p.stat().st_size > 1_000_000 for p in (desk.state / "artifacts").rglob("*.tmp"))
            running.kill(number)
            assert running.wait().code == {signal.SIGTERM: 143, signal.SIGINT: 130}.get(number, -number)
            desk("runs", exits=0)  # the next command of any kind tidies up
            left = [str(p.relative_to(desk.state)) for p in (desk.state / "artifacts").rglob("*") if p.is_file()]
            assert not [path for path in left if path.endswith((".tmp", ".parquet"))]
            assert desk.runs()[0]["status"]["outcome"] == "Failed"
            clean(desk)
        run(desk, exits=0)
    clean(desk)


def test_a_secret_in_a_manifest_stays_there(desk: Desk) -> None:
    with marked.server(marked.district(sound=True)) as server:
        manifest(desk, server)
        desk.write("secret.yaml", marked.CREDENTIALS)
        bare = dict.fromkeys(ENV, "")
        desk("run", "-f", "connection.yaml", "-f", "secret.yaml", *QUICK, exits=0, **bare)
        desk("run", "-f", "secret.yaml", exits=1, **bare)
        broken = marked.CREDENTIALS.replace("stringData:", "stringDate:")
        desk.write("broken.yaml", broken)
        desk("run", "-f", "connection.yaml", "-f", "broken.yaml", exits=1, **bare)
        desk.write("broken.yaml", marked.CREDENTIALS.replace("}", "]"))
        desk("run", "-f", "connection.yaml", "-f", "broken.yaml", exits=1, **bare)
        desk.write("broken.yaml", marked.CREDENTIALS.replace("stringData", "data"))
        desk("run", "-f", "connection.yaml", "-f", "broken.yaml", exits=1, **bare)
    for name in ("secret.yaml", "broken.yaml"):
        (desk.home / name).unlink()
    clean(desk)
