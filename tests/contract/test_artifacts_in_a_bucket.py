"""What only a bucket can do to artifacts: kills between two requests, spoiled objects, two at once, a server that refuses.

Over 300 lines: one topic, and one small pod that all of it is tried with.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import obstore
import pytest
from obstore.exceptions import GenericError

from rostersync.artifacts import listing
from rostersync.artifacts.bucket import BucketRuns
from rostersync.buckets import objects
from rostersync.buckets.bucket import Bucket
from rostersync.buckets.failures import Changed
from rostersync.errors import ArtifactsAway, DiskFull, Permanent, Retryable, RostersyncError
from rostersync.execution import home_in_bucket
from rostersync.execution.home_in_bucket import InBucket, bucket_of, folder_of, probe
from rostersync.execution.layout import Layout
from rostersync.execution.purge import History
from support.gateway import KEY, Gateway, gateway
from support.homes import Job, connected
from support.refusing import Answer, Refusing, refusing

OLD = {"plan/manifest.json": b"old", "plan/changes/Student.parquet": b"old" * 1000, "connection.json": b"{}"}
NEW = {"plan/manifest.json": b"new", "plan/changes/Teacher.parquet": b"new" * 1000, "connection.json": b"{}"}
RUN = "nightly"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture
def line(server: Gateway) -> Iterator[Refusing]:
    with refusing(server.port) as running:
        yield running


@pytest.fixture
def pods(server: Gateway, tmp_path: Path) -> Iterator[Callable[..., Job]]:
    """New pods of Jobs of one connection; the bucket is empty at first."""

    def pod(every: float = 0.0, **storage: Any) -> Job:
        folder = tmp_path / f"pod-{len(list(tmp_path.glob('pod-*')))}"
        layout = Layout(folder / "artifacts", folder / "store", folder / "scratch")
        layout.artifacts.mkdir(parents=True)
        asked = connected(server.storage(**storage))
        runs = BucketRuns(bucket_of(asked, KEY, None), folder_of(asked), layout.artifacts)
        return Job(InBucket(layout, runs, sealed=False, every=every), layout)

    yield pod
    whole = bucket_of(connected(server.storage("")), KEY, None)
    whole.remove(objects.keys(whole, ""))


def keep(job: Job, files: dict[str, bytes], run: str = RUN) -> None:
    job.home.begin(run, "uid-1", again=False)
    shutil.rmtree(job.folder(run) / "plan", ignore_errors=True)
    job.write(run, files)
    job.home.keep(run)


def seen(job: Job, run: str = RUN) -> dict[str, bytes]:
    job.home.open(run, "uid-1")
    return {name: data for name, data in job.files(run).items() if name != "run.json"}


class Killed(BaseException):
    """As if the process had ended here."""


class Kill:
    """Requests to the bucket that change it, until one of them, before or after which the process ends."""

    def __init__(self, at: int, *, after: bool) -> None:
        self.at, self.after, self.count = at, after, 0

    def request(self, name: str) -> Any:
        original = getattr(obstore, name)

        async def asked(*args: Any, **options: Any) -> Any:
            self.count += 1
            if self.count > self.at or (self.count == self.at and not self.after):
                raise Killed
            done = await original(*args, **options)
            if self.count >= self.at:
                raise Killed
            return done

        return patch.object(obstore, name, asked)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, 9))
def test_killed_at_any_request_the_run_has_all_of_the_old_or_all_of_the_new(
    pods: Callable[..., Job], server: Gateway, at: int, after: bool
) -> None:
    keep(pods(), OLD)
    kill = Kill(at, after=after)
    killed = False
    with kill.request("put_async"), kill.request("delete_async"):
        try:
            keep(pods(), NEW)
        except Killed:
            killed = True

    assert seen(pods()) in (OLD, NEW)
    assert killed or kill.count < at
    keep(pods(), NEW)
    assert seen(pods()) == NEW
    assert len([key for key in server.objects() if RUN in key]) == len(NEW) + 2, "what was left over is gone"


@pytest.mark.parametrize("at", range(1, 6))
def test_killed_in_the_first_plan_there_is_no_plan_or_all_of_it(pods: Callable[..., Job], at: int) -> None:
    kill = Kill(at, after=True)
    with kill.request("put_async"), kill.request("delete_async"), pytest.raises(Killed):
        keep(pods(), OLD)

    try:
        found, reason = seen(pods()), ""
    except Permanent as error:
        found, reason = OLD, error.reason
    assert (found, reason) in ((OLD, ""), (OLD, "ArtifactsGone"))
    keep(pods(), NEW)
    assert seen(pods()) == NEW


def object_of(server: Gateway, path: str) -> Path:
    (listed,) = (key for key in server.objects() if key.endswith(f"{RUN}/files.json"))
    key = json.loads(server.objects()[listed])["files"][path]["object"]
    return server.bucket / Path(listed).parent / key


@pytest.mark.parametrize("path", ["plan/manifest.json", "plan/changes/Student.parquet", "connection.json"])
@pytest.mark.parametrize("how", ["missing", "cut", "empty", "altered", "longer"])
def test_an_object_that_is_not_as_it_was_kept_is_named(
    pods: Callable[..., Job], server: Gateway, path: str, how: str
) -> None:
    keep(pods(), OLD)
    file = object_of(server, path)
    data = file.read_bytes()
    file.unlink()
    spoiled = {"cut": data[:-1], "empty": b"", "altered": b"x" + data[1:], "longer": data + b"x"}
    if how in spoiled:
        file.write_bytes(spoiled[how])

    job = pods()
    with pytest.raises(Permanent) as error:
        job.home.open(RUN, "uid-1")

    assert error.value.reason == "ArtifactsSpoiled"
    assert path in str(error.value)
    assert file.name in str(error.value)
    assert "is missing" in str(error.value) if how == "missing" else "altered" in str(error.value)
    assert "plan/manifest.json" not in job.files(RUN) or "connection" in path


@pytest.mark.parametrize(
    "spoiled",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format": 2, "uid": "uid-1", "writer": "", "files": {}}',
        b'{"format": 1, "uid": "uid-1", "writer": "", "files": {"../../x": {"object": "a", "bytes": 0, "sha256": ""}}}',
        b'{"format": 1, "uid": "uid-1", "writer": "", "files": {"plan/x": {"object": "../y", "bytes": 0, "sha256": ""}}}',
        b'{"format": 1, "uid": "uid-1", "writer": "", "files": {"/etc/x": {"object": "a", "bytes": 0, "sha256": ""}}}',
        b'{"format": 1, "uid": "uid-1", "writer": "", "files": {"plan": 1}}',
        b'{"format": 1, "uid": "uid-1", "writer": "", "files": 1}',
        b'{"format": 1, "uid": "uid-1", "writer": "", "files": {"plan/x": {"object": "a", "bytes": 1e999, "sha256": ""}}}',
        b'{"format": 1, "uid": "uid-1", "writer": "", "files": {"plan/x": {"object": "a", "bytes": 1e30, "sha256": ""}}}',
        b'{"format": 1, "uid": "uid-1", "writer": "", "files": {"plan/x": {"object": "a", "bytes": -1, "sha256": ""}}}',
        b"[" * 100_000,
        b'{"format": 1, "uid": "uid-1", "writer": "", "files": {}}' + b" " * objects.LARGEST,
    ],
    ids=range(14),
)
def test_a_spoiled_list_is_named_and_leads_nowhere(pods: Callable[..., Job], server: Gateway, spoiled: bytes) -> None:
    keep(pods(), OLD)
    (server.bucket / "springfield/team-a/springfield" / RUN / "files.json").write_bytes(spoiled)

    with pytest.raises(Permanent) as error:
        pods().home.open(RUN, "uid-1")

    assert (error.value.reason, "files.json" in str(error.value)) == ("ArtifactsSpoiled", True)
    pods().home.purge([], [(RUN, "uid-1")])  # which still removes it
    assert not server.objects()


def test_a_spoiled_checkpoint_is_read_anew(pods: Callable[..., Job], server: Gateway) -> None:
    read = {"extract/orgs/part-00000.parquet": b"orgs", "extract/users/part-00000.parquet": b"users"}
    keep(pods(), OLD | read)
    object_of(server, "extract/users/part-00000.parquet").write_bytes(b"other")

    job = pods()
    job.home.begin(RUN, "uid-1", again=False)

    assert not [name for name in job.files(RUN) if name.startswith("extract/")]
    with pytest.raises(Permanent):  # a plan that needs it cannot do without
        pods().home.begin(RUN, "uid-1", again=True)


def test_what_was_read_is_kept_while_more_is_read(pods: Callable[..., Job]) -> None:
    job = pods()
    job.home.begin(RUN, "uid-1", again=False)
    job.write(RUN, {"extract/orgs/done.json": b"{}", "extract/.users.part-1a/part-00000.parquet": b"half"})
    job.home.checkpoint(RUN)

    other = pods()
    other.home.begin(RUN, "uid-1", again=False)

    assert other.files(RUN).keys() == {"run.json", "extract/orgs/done.json"}
    with pytest.raises(Permanent):
        other.home.open(RUN, "another")


def test_small_districts_are_not_kept_after_each_collection(pods: Callable[..., Job], server: Gateway) -> None:
    job = pods(every=60.0)
    job.home.begin(RUN, "uid-1", again=False)
    before = server.objects()
    job.write(RUN, {"extract/orgs/done.json": b"{}"})
    job.home.checkpoint(RUN)
    assert server.objects() == before


def test_a_plan_that_is_made_waits_for_a_bucket_that_is_away(
    pods: Callable[..., Job], line: Refusing, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(home_in_bucket, "_PAUSES", (0.01, 0.02))
    job = pods(endpoint=line.endpoint)
    job.home.begin(RUN, "uid-1", again=False)
    job.write(RUN, OLD)
    line.asked.clear()
    line.answer = lambda method, path: (503, "SlowDown") if method == "PUT" and len(line.asked) < 12 else None
    job.home.keep(RUN)
    assert "Tried again in" in capsys.readouterr().err
    assert seen(pods()) == OLD

    monkeypatch.setattr(home_in_bucket, "PATIENCE", 0.05)
    job = pods(endpoint=line.endpoint)
    line.answer = lambda method, path: None
    job.home.begin(RUN, "uid-1", again=True)
    job.write(RUN, NEW)
    line.answer = lambda method, path: (503, "SlowDown") if method == "PUT" else None
    with pytest.raises(ArtifactsAway):
        job.home.keep(RUN)
    assert seen(pods()) == OLD


def test_a_checkpoint_that_fails_does_not_stop_the_reading(
    pods: Callable[..., Job], line: Refusing, capsys: pytest.CaptureFixture[str]
) -> None:
    job = pods(endpoint=line.endpoint)
    job.home.begin(RUN, "uid-1", again=False)
    line.answer = lambda method, path: (503, "SlowDown") if method == "PUT" else None
    job.write(RUN, {"extract/orgs/done.json": b"{}"})
    job.home.checkpoint(RUN)
    assert "could not be kept for a retry" in capsys.readouterr().err


def test_of_two_at_once_the_later_one_goes_on_and_the_other_gives_way(
    pods: Callable[..., Job], server: Gateway
) -> None:
    one, other = pods(), pods()
    one.home.begin(RUN, "uid-1", again=False)
    one.write(RUN, OLD)
    other.home.begin(RUN, "uid-1", again=False)
    with pytest.raises(Retryable) as error:
        one.home.keep(RUN)
    assert "Another pod works on run nightly" in str(error.value)

    other.write(RUN, NEW)
    other.home.keep(RUN)
    with pytest.raises(Retryable):
        one.home.keep(RUN)

    assert seen(pods()) == NEW


@pytest.mark.parametrize("at", ["take", "drop"])
def test_one_that_was_taken_for_dead_removes_nothing_of_the_later_one(pods: Callable[..., Job], at: str) -> None:
    one, other = pods(), pods()
    original = objects.keys

    def late(bucket: Bucket, folder: str, wanted: Callable[[str], bool]) -> list[str]:
        with patch("rostersync.buckets.objects.keys", original):
            keep(other, NEW)
        return original(bucket, folder, wanted)

    if at == "drop":
        keep(one, OLD)
    with patch("rostersync.buckets.objects.keys", late), pytest.raises(Retryable) as error:
        one.home.begin(RUN, "uid-1", again=False) if at == "take" else one.home.finish(RUN)

    assert "Another pod works on run" in str(error.value)
    assert seen(pods()) == NEW


def test_however_many_objects_a_run_has_few_keys_are_in_memory_at_once(
    pods: Callable[..., Job], server: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rostersync.buckets.objects.MOST", 3)
    monkeypatch.setattr("rostersync.buckets.objects._PAGE", 2)
    job, bucket = pods(), bucket_of(connected(server.storage()), KEY, None)
    folder = folder_of(connected(server.storage()))
    keep(job, NEW)
    strays = [f"{folder}/{RUN}/old/{number}.parquet" for number in range(8)]
    for key in strays:
        bucket.put(key, b"left by a killed pod")
    assert len(objects.keys(bucket, folder)) == 3

    keep(pods(), NEW)  # takes the run, and sweeps
    left: list[str] = []
    objects.each(bucket, folder, lambda key: left.append(key) is None)
    assert not set(left) & set(strays)
    assert seen(pods()) == NEW

    for key in strays:
        bucket.put(key, b"again")
    runs = BucketRuns(bucket, folder, job.layout.artifacts)
    assert runs.runs()[RUN].list
    runs.remove(RUN)
    assert objects.keys(bucket, folder) == []


def test_an_object_of_another_size_is_not_read(
    pods: Callable[..., Job], server: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(pods(), OLD)
    object_of(server, "plan/manifest.json").write_bytes(b"x" * 1000)
    written: list[Path] = []
    monkeypatch.setattr("rostersync.buckets.objects._written", lambda file, *_, **__: not written.append(file))
    with pytest.raises(Permanent):
        pods().home.open(RUN, "uid-1")
    assert written
    assert "manifest.json" not in {file.name for file in written}


def test_an_answer_that_was_lost_is_no_quarrel(pods: Callable[..., Job]) -> None:
    original = objects.put_over

    def lost(*args: Any) -> str | None:
        original(*args)
        raise Changed("as the second of two equal requests is told")

    with patch.object(objects, "put_over", lost):
        keep(pods(), OLD)
    assert seen(pods()) == OLD


def test_a_server_without_conditions_will_do(pods: Callable[..., Job]) -> None:
    original = obstore.put_async

    async def put(*args: Any, mode: Any = None, **options: Any) -> Any:
        if mode not in (None, "overwrite"):
            raise GenericError("status code: 501: <Error><Code>NotImplemented</Code></Error>")
        return await original(*args, **options)

    with patch.object(obstore, "put_async", put):
        keep(pods(), OLD)
        keep(pods(), NEW)
    assert seen(pods()) == NEW


def test_a_run_of_many_objects_is_removed_whole(pods: Callable[..., Job], server: Gateway) -> None:
    """A server lists and removes no more than a thousand at a time."""
    keep(pods(), OLD)
    left = server.bucket / "springfield/team-a/springfield" / RUN / "of-a-killed-process"
    left.mkdir()
    for number in range(2100):
        (left / f"{number}.parquet").write_bytes(b"x")
    pods().home.purge([], [(RUN, "uid-1")])
    assert not server.objects()


def test_a_run_that_was_removed_in_part_is_removed_whole(pods: Callable[..., Job], server: Gateway) -> None:
    for run in ("half", "whole"):
        keep(pods(), OLD, run)
    whole = bucket_of(connected(server.storage("")), KEY, None)
    whole.remove(["springfield/team-a/springfield/half/files.json"])
    job = pods()
    job.home.begin("new", "uid-1", again=False)
    job.home.prune("new", History([("half", True), ("whole", True)], 14, 14, ("half", "whole", "new")))
    assert {key.split("/")[3] for key in server.objects()} == {"whole", "new"}


def test_raw_records_go_later_if_the_bucket_was_away_when_their_run_ended(
    pods: Callable[..., Job], server: Gateway
) -> None:
    read = {"extract/orgs/part-00000.parquet": b"orgs"}
    for run in ("rejected", "waiting"):
        keep(pods(), OLD | read, run)
    job = pods()
    job.home.begin("new", "uid-1", again=False)
    job.home.prune("new", History([("rejected", False)], 14, 14, ("rejected", "waiting", "new")))
    assert {key.split("/")[3] for key in server.objects() if "/extract/" in key} == {"waiting"}
    assert seen(pods(), "rejected") == OLD


def test_connections_and_what_others_keep_there_are_left_alone(pods: Callable[..., Job], server: Gateway) -> None:
    keep(pods(), OLD)
    base = server.bucket / "springfield"
    for other in (
        "team-a/springfield-2/nightly/files.json",
        "team-b/springfield/nightly/files.json",
        "team-a/note.txt",
    ):
        (base / other).parent.mkdir(parents=True, exist_ok=True)
        (base / other).write_bytes(b"of others")
    (base / "team-a/springfield/.hidden").write_bytes(b"of others")
    job = pods()
    job.home.begin("new", "uid-1", again=False)
    job.home.prune("new", History([], 1, 1, ("new",)))
    assert RUN not in {
        key.split("/")[3] for key in server.objects() if key.startswith("springfield/team-a/springfield/")
    }
    assert sum(data == b"of others" for data in server.objects().values()) == 4


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        ((503, "SlowDown"), ArtifactsAway, "ArtifactsAway"),
        ((500, "InternalError"), ArtifactsAway, "ArtifactsAway"),
        ((403, "AccessDenied"), Permanent, "BucketRefused"),
        ((403, "InvalidAccessKeyId"), Permanent, "CredentialsRefused"),
        ((404, "NoSuchBucket"), Permanent, "NoSuchBucket"),
        ((507, "QuotaExceeded"), DiskFull, "DiskFull"),
    ],
)
def test_what_a_server_refuses_is_said_and_the_run_is_as_it_was(
    pods: Callable[..., Job], line: Refusing, answer: Answer, kind: type[RostersyncError], reason: str
) -> None:
    keep(pods(), OLD)
    for methods in ({"PUT"}, {"GET"}):
        line.answer = lambda method, path, methods=methods: answer if method in methods else None  # type: ignore[misc]
        with pytest.raises(kind) as error:
            keep(pods(endpoint=line.endpoint), NEW)
        assert error.value.reason == reason
        assert "s3://rosters/springfield" in str(error.value)
        assert line.endpoint in str(error.value)
        assert KEY["secretAccessKey"] not in f"{error.value} {error.value.detail}"
        assert seen(pods()) == OLD
    line.answer = lambda method, path: None
    keep(pods(endpoint=line.endpoint), NEW)
    assert seen(pods()) == NEW


def removal(method: str, path: str) -> bool:
    return method == "DELETE" or (method == "POST" and "delete" in path)


def test_a_bucket_that_lets_nothing_be_removed_is_said_with_the_runs(pods: Callable[..., Job], line: Refusing) -> None:
    for run in ("a", "b", "c"):
        keep(pods(), OLD, run)
    line.answer = lambda method, path: (403, "AccessDenied") if removal(method, path) else None
    with pytest.raises(Permanent) as error:
        pods(endpoint=line.endpoint).home.purge([], [("a", "uid-1"), ("b", None), ("other", "uid-1")])
    assert error.value.reason == "BucketRefused"
    assert "Not removed: a, b." in str(error.value)
    keep(pods(endpoint=line.endpoint), NEW, "c")  # that what was there before stays is no reason to fail
    assert seen(pods(), "c") == NEW


def test_nothing_answers(pods: Callable[..., Job]) -> None:
    with pytest.raises(Retryable) as error:
        pods(endpoint="http://127.0.0.1:1").home.begin(RUN, "uid-1", again=False)
    assert error.value.reason == "ArtifactsAway"
    assert "spec.artifacts.objectStorage.endpoint" in str(error.value)


def test_the_test_of_a_bucket_leaves_nothing(server: Gateway, line: Refusing, pods: Callable[..., Job]) -> None:
    probe(connected(server.storage()), KEY, None)
    assert not server.objects()
    line.answer = lambda method, path: (403, "AccessDenied") if removal(method, path) else None
    for _ in range(2):
        with pytest.raises(Permanent, match="remove"):
            probe(connected(server.storage(endpoint=line.endpoint)), KEY, None)
    assert len(server.objects()) == 1
    line.answer = lambda method, path: (403, "AccessDenied") if method == "GET" and "list-type" in path else None
    with pytest.raises(Permanent, match="list"):
        probe(connected(server.storage(endpoint=line.endpoint)), KEY, None)


def test_unchanged_files_are_not_sent_again(pods: Callable[..., Job], line: Refusing) -> None:
    keep(pods(), OLD)
    line.asked.clear()
    job = pods(endpoint=line.endpoint)
    job.home.begin(RUN, "uid-1", again=True)
    job.write(RUN, {"reports/plan-2.json": b"{}"})
    job.home.keep(RUN)
    sent = [path for method, path in line.asked if method == "PUT"]
    assert [path.rpartition("/")[2] for path in sent] == ["files.json", "plan-2.json", "files.json"]


def test_parts_of_a_run() -> None:
    parts = {
        path: listing.part_of(path) for path in ("plan/a", "extract/b/c", "plan", "planned", "errors/x", "run.json")
    }
    assert parts == {
        "plan/a": "plan",
        "extract/b/c": "extract",
        "plan": "plan",
        "planned": "",
        "errors/x": "",
        "run.json": "",
    }
