"""Everything that can go wrong in a night: kills at every moment, a source that lies, dies or changes while it is read,
clocks that jump. Whatever happens, the store holds the old revision or the new one, deletes nothing that the source
still has, and the next run puts it right. Over 300 lines: what can go wrong is a long list.
"""

import json
import re
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rostersync.simulator.bundle import Bundle
from rostersync.simulator.faults import Faults
from rostersync.simulator.server import Simulator
from support.commands import Commands, Desk, until
from support.rosters import Rows, by_hand, content, ids, ref, revision, without
from support.simulated import simulated

DATA = Path(__file__).parents[1] / "data"
LIGHT = ("--threads", "1", "--memory", "300")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def at(desk: Desk, simulator: Simulator, name: str = "rivers", file: str = "connection.yaml", **spec: Any) -> Path:
    """A manifest of the district that a simulator serves."""
    delivery = {
        "serviceURL": simulator.url,
        "insecureHTTP": True,
        "pageSize": 25,
        "credentialsSecretRef": {"name": "c"},
    }
    base = {"termsOfUse": {"accepted": True}, "bulkUploadMode": True, "deliveryConfig": delivery}
    desk.env |= {"ROSTERSYNC_CLIENT_ID": simulator.client_id, "ROSTERSYNC_CLIENT_SECRET": simulator.client_secret}
    kind = {"apiVersion": "rostersync.dev/v1alpha1", "kind": "FocusConnection", "metadata": {"name": name}}
    return desk.write(file, yaml.safe_dump({**kind, "spec": {**base, **spec}}))


def run(desk: Desk, *words: Any, exits: int | None = None, **options: Any) -> dict[str, Any]:
    """A run as the SyncRun that it prints."""
    done = desk("run", "-f", "connection.yaml", "-q", "-o", "json", *LIGHT, *words, exits=exits, **options)
    found: dict[str, Any] = done.json
    return found


def reason(run_: dict[str, Any]) -> str:
    return next(str(c["reason"]) for c in run_["status"]["conditions"] if c["type"] == "Succeeded")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with simulated(60, guardians=0.5) as server:
        yield server


@pytest.fixture(scope="module")
def imported(warm: Commands, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Day 0 of the district, imported; to be copied."""
    desk = Desk(warm, tmp_path_factory.mktemp("imported"))
    at(desk, simulator)
    assert reason(run(desk, exits=0)) == "Applied"
    return desk


@pytest.fixture
def desk(imported: Desk, simulator: Simulator, warm: Commands, tmp_path: Path) -> Iterator[Desk]:
    """A copy of the imported district in a folder of its own; the source is as it was and well."""
    made = Desk(warm, tmp_path)
    shutil.copytree(imported.state, made.state)
    at(made, simulator)
    yield made
    simulator.clear_faults()
    simulator.clear_events()
    simulator.set_day(0)


# -- kills ------------------------------------------------------------------------------------------------------------

LANES, KILLS = 2, 15


@pytest.mark.parametrize("lane", range(LANES))
def test_killed_at_any_moment_it_holds_the_old_or_the_new_revision(
    warm: Commands, imported: Desk, tmp_path: Path, lane: int
) -> None:
    """Each third kill is followed by a run to its end, which must come to the same as an undisturbed one."""
    with simulated(60, guardians=0.5, day=3) as server:
        desk = Desk(warm, tmp_path)
        shutil.copytree(imported.state, desk.state)
        at(desk, server)
        old = content(desk.store)
        begun = time.monotonic()
        assert reason(run(desk, exits=0)) == "Applied"
        takes, new = time.monotonic() - begun, content(desk.store)
        assert old != new
        met = []
        for kill in range(KILLS):
            if kill % 3 == 0:
                shutil.rmtree(desk.state)
                shutil.copytree(imported.state, desk.state)
            running = desk.start("run", "-f", "connection.yaml", *LIGHT)
            time.sleep(takes * (kill * LANES + lane + 1) / (KILLS * LANES))
            running.kill()
            ended = running.wait().code
            found = content(desk.store)
            assert found in (old, new)
            assert revision(desk.store) == (2 if found == new else 1)
            met.append((ended, found == new))
            if kill % 3 == 2:
                last = run(desk, exits=0)
                assert reason(last) in (("NoChanges",) if found == new else ("Applied", "NoChanges"))
                assert content(desk.store) == new
                assert revision(desk.store) == 2
                assert all(r["status"].get("outcome") for r in desk.runs())
        assert sum(code == -9 for code, _ in met) >= KILLS // 2, met


def test_a_kill_between_writing_and_commit_is_taken_up_by_the_next_run(desk: Desk, simulator: Simulator) -> None:
    simulator.set_day(3)
    running = _waiting(desk, "wait_before_commit", "run", "-f", "connection.yaml", *LIGHT)
    running.kill()
    assert running.wait().code == -9
    assert revision(desk.store) == 1
    name = desk.runs()[0]["metadata"]["name"]
    assert reason(run(desk, exits=0)) == "NoChanges"
    taken_up = next(r for r in desk.runs() if r["metadata"]["name"] == name)
    assert (reason(taken_up), taken_up["status"]["revision"]) == ("Applied", 2)


def test_an_approved_run_killed_in_its_apply_is_applied_later(desk: Desk, simulator: Simulator) -> None:
    simulator.add_event("mass-leave:40")
    name = run(desk, exits=3)["metadata"]["name"]
    running = _waiting(desk, "wait_before_commit", "approve", name, "--reason", "they have left")
    running.kill()
    assert running.wait().code == -9
    assert revision(desk.store) == 1
    desk("apply", name, exits=0)
    assert (revision(desk.store), desk.runs()[0]["status"]["outcome"]) == (2, "Applied")
    assert reason(run(desk, exits=0)) == "NoChanges"


def test_a_named_run_killed_while_it_reads_goes_on_from_what_it_has(desk: Desk, simulator: Simulator) -> None:
    simulator.set_day(3)
    named = {
        "apiVersion": "rostersync.dev/v1alpha1",
        "kind": "SyncRun",
        "metadata": {"name": "tonight"},
        "spec": {"connectionRef": {"kind": "FocusConnection", "name": "rivers"}},
    }
    desk.write("run.yaml", yaml.safe_dump(named))
    running = _waiting(desk, "wait_in_extract", "run", "-f", "connection.yaml", "-f", "run.yaml", *LIGHT)
    running.kill()
    assert running.wait().code == -9
    asked = len(simulator.requests)
    done = run(desk, "-f", "run.yaml", exits=0)
    assert (done["metadata"]["name"], reason(done)) == ("tonight", "Applied")
    again = {r.path.rsplit("/", 1)[-1] for r in list(simulator.requests)[asked:]}
    collections = {name for name in again if not _UUID.fullmatch(name)}  # the others are deletes that are confirmed
    assert collections == {"token", "users", "enrollments"}, "what was read is not read again"
    assert len(desk.runs()) == 2


def test_a_checkpoint_that_somebody_cut_short_is_read_again(desk: Desk, simulator: Simulator) -> None:
    simulator.set_day(3)
    words = ("plan", "-f", "connection.yaml", "--run", "tonight", *LIGHT)
    running = _waiting(desk, "wait_in_extract", *words)
    running.kill()
    running.wait()
    part = next((desk.state / "artifacts" / "tonight" / "extract" / "classes").glob("part-*.parquet"))
    part.write_bytes(part.read_bytes()[:-100])
    asked = len(simulator.requests)
    desk(*words, exits=0)
    assert any(r.path.endswith("/classes") for r in list(simulator.requests)[asked:])
    desk("apply", "tonight", exits=0)
    assert reason(run(desk, exits=0)) == "NoChanges"


def _waiting(desk: Desk, hook: str, *words: Any) -> Any:
    """A command that has come as far as its hook says, and waits there."""
    said = desk.root / f"said-{len(list(desk.root.iterdir()))}"
    said.mkdir()
    running = desk.start(*words, hook=f"support.sabotage:{hook}", SABOTAGE=str(said))
    until((said / "reached").exists)
    return running


# -- several at once --------------------------------------------------------------------------------------------------


def test_others_wait_or_say_so_while_one_writes(desk: Desk, simulator: Simulator) -> None:
    simulator.set_day(3)
    at(desk, simulator, "other", "other.yaml", district="other")
    desk("plan", "-f", "other.yaml", "--run", "other-1", *LIGHT, exits=0)
    writing = _waiting(desk, "wait_before_commit", "run", "-f", "connection.yaml", *LIGHT)
    readers = {
        word: desk.start(*words)
        for word, words in {
            "run": ("run", "-f", "connection.yaml", "-q", *LIGHT),
            "export": ("export", "--to", "out"),
            "plan": ("plan", "-f", "other.yaml", "-q", *LIGHT),
            "compact": ("compact",),
        }.items()
    }
    for word, running in readers.items():
        done = running.wait()
        assert (done.code, done.error["reason"]) == (1, "StoreBusy"), word
        assert "again" in done.error["message"]
    assert len(desk.runs()) == 4
    assert desk("show", exits=0)
    waiting = desk.start("apply", "other-1", "-q", *LIGHT)  # waits for its turn
    time.sleep(0.7)
    writing.kill()
    assert (writing.wait().code, waiting.wait().code) == (-9, 0)
    assert reason(run(desk, exits=0)) in ("Applied", "NoChanges")
    desk("export", "--to", "out", "--district", "other", exits=0)


# -- the source -------------------------------------------------------------------------------------------------------


def settled(desk: Desk, simulator: Simulator, before: Any) -> None:
    """The source is well again: the next run finds nothing to do, and the store is as before."""
    simulator.clear_faults()
    simulator.clear_events()
    assert reason(run(desk, exits=0)) == "NoChanges"
    assert content(desk.store) == before


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("disconnect,after=9", "ServerFailed"),
        ("truncated,on=users,after=1", "BadResponse"),
        ("truncated:wire,on=enrollments", "ServerFailed"),
        ("html,after=5", "BadResponse"),
        ("500,on=classes", "ServerFailed"),
        ("404,on=users", ""),
        ("403,on=classes", ""),
        ("429:0,after=4", "RateLimited"),
        ("echo-names,on=users,after=2", "ServerFailed"),
    ],
)
def test_a_source_that_fails_for_good_fails_the_run_and_nothing_else(
    desk: Desk, simulator: Simulator, fault: str, why: str
) -> None:
    simulator.add_fault(fault)
    before = desk.store.read_bytes()
    done = run(desk, exits=1)
    assert done["status"]["outcome"] == "Failed"
    assert reason(done) == why or not why
    assert desk.store.read_bytes() == before
    simulator.clear_faults()


def test_a_source_that_dies_in_the_middle(warm: Commands, imported: Desk, tmp_path: Path) -> None:
    desk = Desk(warm, tmp_path)
    shutil.copytree(imported.state, desk.state)
    before = desk.store.read_bytes()
    with simulated(60, guardians=0.5, faults=["slow:40"]) as server:
        at(desk, server)
        running = desk.start("run", "-f", "connection.yaml", "-q", "-o", "json", *LIGHT)
        until(lambda: len(server.requests) > 8)
    done = running.wait()  # the server is gone, in mid-sentence
    assert done.code == 1
    assert done.error["reason"] in ("Unreachable", "ServerFailed", "TimedOut")
    assert desk.store.read_bytes() == before


def test_a_token_that_expires_again_and_again(desk: Desk, simulator: Simulator) -> None:
    before = content(desk.store)
    config = yaml.safe_load((desk.home / "connection.yaml").read_text())["spec"]["deliveryConfig"]
    at(desk, simulator, deliveryConfig={**config, "maxConcurrentRequests": 1})  # else one token may outrun the other
    simulator.add_fault("token-expiry,every=5")
    asked = len(simulator.requests)
    assert reason(run(desk, exits=0)) == "NoChanges"
    assert sum(r.path.endswith("/token") for r in list(simulator.requests)[asked:]) > 2
    assert content(desk.store) == before


PASSING = (
    "429:0",
    "500",
    "502",
    "503",
    "504",
    "disconnect",
    "truncated",
    "truncated:wire",
    "html",
    "missing-envelope",
    "slow:3",
    "duplicate-rows",
    "unstable-order",
    "token-expiry",
    "perm-rev",
    "wrong-total:-9",
    "wrong-total:30",
    "no-totals",
    "short-pages:4",
    "next:off",
    "echo-names",
    "404",
    "403",
    "odd-values",
    "odd-casing",
    "null-references",
)


@pytest.mark.parametrize("seed", range(3))
def test_every_fault_at_once_now_and_then_deletes_nothing(
    imported: Desk, warm: Commands, tmp_path: Path, seed: int
) -> None:
    with simulated(60, guardians=0.5) as server:
        server.faults = Faults(seed)
        for fault in PASSING:
            server.add_fault(f"{fault},probability={(0.01, 0.02, 0.04)[seed]}")
        desk = Desk(warm, tmp_path)
        shutil.copytree(imported.state, desk.state)
        at(desk, server)
        before = content(desk.store)
        for _ in range(2):
            done = run(desk)
            status = done["status"]
            assert status["outcome"] in ("NoChanges", "Applied", "AppliedIncomplete", "Failed"), reason(done)
            assert status.get("totals", {}).get("deleted", 0) == 0
            after = ids(content(desk.store))
            assert after == ids(before)
        server.clear_faults()
        assert reason(run(desk, exits=0)) in ("NoChanges", "Applied")
        assert content(desk.store) == before


def test_a_wiped_table_is_held(desk: Desk, simulator: Simulator) -> None:
    before = desk.store.read_bytes()
    for table in ("users", "enrollments", "classes"):
        simulator.clear_events()
        simulator.add_event(f"wiped-table:{table}")
        done = run(desk, exits=3)
        reasons = {h["reason"] for h in done["status"]["holds"]}
        assert reasons >= {"Threshold", "EntityEmptied"}, table
        assert desk.store.read_bytes() == before
    simulator.clear_events()
    assert reason(run(desk, exits=0)) == "NoChanges"
    assert [r["status"]["outcome"] for r in desk.runs()[1:4]] == ["Superseded"] * 3


@pytest.mark.parametrize(
    "fault", ["wrong-total:300,on=users", "wrong-total:-20,on=users", "perm-rev", "unstable-order,on=users"]
)
def test_half_a_roster_that_nobody_can_prove_deletes_nothing(desk: Desk, simulator: Simulator, fault: str) -> None:
    before = content(desk.store)
    simulator.add_event("mass-leave:50")
    simulator.add_fault(fault)
    done = run(desk)
    assert done["status"]["outcome"] in ("AppliedIncomplete", "Failed", "NoChanges"), reason(done)
    assert done["status"].get("totals", {}).get("deleted", 0) == 0
    if done["status"]["outcome"] != "Failed":
        assert done["status"]["totals"]["deferred"] > 0
        assert "users" in done["status"]["incomplete"]
    assert ids(content(desk.store)) == ids(before)
    settled(desk, simulator, before)


def test_a_source_that_changes_while_it_is_read(desk: Desk, simulator: Simulator) -> None:
    """Days go by between pages: what is there on all of them is never deleted."""
    collections = ("users", "classes", "enrollments")
    always = {c: set.intersection(*(ids_of(simulator, day, c) for day in range(7))) for c in collections}
    over = threading.Event()

    def turn() -> None:
        for day in range(1, 7):
            if not over.wait(0.04):
                simulator.set_day(day)

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        done = run(desk)
    finally:
        over.set()
        thread.join()
    found = ids(content(desk.store))
    assert {c: kept - found[c] for c, kept in always.items()} == {c: set() for c in always}, reason(done)
    simulator.set_day(6)
    last = run(desk)
    held = {"AwaitingApproval": last, "SameAsHeld": done}.get(reason(last))
    if held:  # in a district so small a few contacts are many
        assert {h["reason"] for h in held["status"]["holds"]} == {"Threshold"}
        desk("approve", held["metadata"]["name"], "--reason", "six days at once", exits=0)
    assert ids(content(desk.store))["users"] == ids_of(simulator, 6, "users")


def ids_of(simulator: Simulator, day: int, collection: str) -> set[str]:
    roster = simulator.source.day(day)  # type: ignore[union-attr]
    return {str(row["sourcedId"]) for row in roster.rows(collection, 0, roster.total(collection), "")}


def test_ids_issued_anew_are_held_as_re_keyed(desk: Desk, simulator: Simulator) -> None:
    before = desk.store.read_bytes()
    simulator.add_event("ids-reissued")
    done = run(desk, exits=3)
    assert "ReKeyed" in {h["reason"] for h in done["status"]["holds"]}
    assert done["status"]["holdsTotal"] > 3
    assert desk.store.read_bytes() == before


def test_a_school_closes(warm: Commands, tmp_path: Path) -> None:
    """First it is only gone from the list of schools, then with all that belonged to it."""
    rows = by_hand(Bundle(DATA / "district-small"))
    schools = [o["sourcedId"] for o in rows["orgs"] if o["type"] == "school"]
    closing = schools[0]
    with Simulator(Rows(rows)) as server:
        desk = Desk(warm, tmp_path)
        at(
            desk,
            server,
            deliveryConfig={
                "serviceURL": server.url,
                "insecureHTTP": True,
                "credentialsSecretRef": {"name": "c"},
            },
        )
        assert reason(run(desk, exits=0)) == "Applied"
        before = content(desk.store)
        gone = {**rows, "orgs": without(rows["orgs"], lambda o: o["sourcedId"] == closing)}
        server.serve(Rows(gone))
        done = run(desk, exits=0)
        assert (reason(done), done["status"]["schools"]["vanished"]) == ("NoChanges", 1)
        assert done["status"]["schools"]["vanishedIDs"] == [closing]
        gone["classes"] = without(rows["classes"], lambda c: ref(c, "school") == closing)
        gone["enrollments"] = without(rows["enrollments"], lambda e: ref(e, "school") == closing)
        server.serve(Rows(gone))
        done = run(desk)
        assert ids(content(desk.store)) == ids(before), "what refers to a vanished school stays"
        assert done["status"]["totals"]["deleted"] == 0
        server.serve(Rows(rows))
        assert reason(run(desk, exits=0)) == "NoChanges"
        assert content(desk.store) == before


# -- time and history -------------------------------------------------------------------------------------------------


def test_a_clock_that_jumps_backwards_between_runs(desk: Desk, simulator: Simulator) -> None:
    hook = {"hook": "support.sabotage:clock"}
    # A limit without a window, which would count six days of changes in one.
    at(desk, simulator, syncHoldThreshold={"rules": [{"entity": "*", "change": "Delete", "percent": 20}]})
    for day, hours in ((2, 48), (4, 0), (6, -24)):
        simulator.set_day(day)
        done = run(desk, exits=0, SABOTAGE_SECONDS=str(hours * 3600), **hook)
        assert reason(done) == "Applied"
    assert revision(desk.store) == 4
    assert [r["status"]["revision"] for r in desk.runs()] == [4, 3, 2, 1]
    simulator.add_event("mass-leave:40")
    held = run(desk, exits=3, SABOTAGE_SECONDS=str(24 * 3600), **hook)["metadata"]["name"]
    simulator.clear_events()
    assert reason(run(desk, exits=0)) == "NoChanges"  # a day "before" the held one, and newer all the same
    assert next(r for r in desk.runs() if r["metadata"]["name"] == held)["status"]["outcome"] == "Superseded"
    lines = [line for line in desk("runs", exits=0).out.splitlines() if "rivers-" in line and "2026" in line]
    assert len(lines) >= 6


def test_an_approval_that_comes_too_late(desk: Desk, simulator: Simulator) -> None:
    simulator.add_event("mass-leave:40")
    held = run(desk, exits=3)["metadata"]["name"]
    late = desk(
        "approve", held, "--reason", "late", exits=1, hook="support.sabotage:clock", SABOTAGE_SECONDS=str(73 * 3600)
    )
    assert "Expired" in late.error["message"]
    assert revision(desk.store) == 1
    assert run(desk, exits=3)["metadata"]["name"] != held  # asked again, anew


def test_many_runs_leave_a_short_history(warm: Commands, tmp_path: Path) -> None:
    with simulated(10, guardians=0.0) as server:
        desk = Desk(warm, tmp_path)
        at(desk, server, entities=["School", "Calendar", "Student"], history={"runs": {"successful": 4, "failed": 2}})
        for number in range(25):
            fails = number % 3 == 2
            wrong = {"ROSTERSYNC_CLIENT_SECRET": "wrong"} if fails else {}
            assert desk("run", "-f", "connection.yaml", "-q", *LIGHT, **wrong).code == (1 if fails else 0)
        runs = desk.runs()
        outcomes = [r["status"]["outcome"] for r in runs]
        assert (outcomes.count("NoChanges"), outcomes.count("Failed"), len(runs)) == (4, 2, 6)
        assert {p.name for p in (desk.state / "artifacts").iterdir()} == {r["metadata"]["name"] for r in runs}
        assert len([x for x in desk("runs", exits=0).out.splitlines() if "rivers-" in x]) == 7
        assert json.loads(desk("runs", "-o", "json", exits=0).out)["items"][0]["status"]["outcome"] == outcomes[0]
        assert desk("show", exits=0).code == 0
        assert revision(desk.store) == 1
