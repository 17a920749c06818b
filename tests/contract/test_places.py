"""Every place that a roster is delivered to keeps the same promises: its reader sees each file whole or not at all."""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from rostersync.deliveries.port import Bundle
from rostersync.deliveries.registry import PLACES
from rostersync.errors import DiskFull, Permanent, Retryable
from support.disks import mounts_of_our_own
from support.places import KINDS, Running, bundle, contents
from support.sending import Sender, sender

FOLDER = ("orgs.csv", "users.csv", "manifest.csv")
MIB = 1024 * 1024


def test_every_place_has_an_entry() -> None:
    assert set(PLACES) == set(KINDS)


@pytest.fixture(params=KINDS)
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    """A receiver of each kind in turn."""
    with KINDS[request.param].running(tmp_path, None) as running:
        yield running


@pytest.fixture(scope="module")
def forks() -> Iterator[Sender]:
    with sender() as process:
        yield process


@pytest.mark.parametrize("names", [(), FOLDER])
def test_what_is_sent_is_there(there: Running, tmp_path: Path, names: tuple[str, ...]) -> None:
    one = bundle(tmp_path, 1, *names, size=3 * MIB + 17)
    there.send(one)

    assert there.found() == contents(one)
    assert there.kept() == set(contents(one))


def test_an_empty_file_is_sent_too(there: Running, tmp_path: Path) -> None:
    one = bundle(tmp_path, 1, "demographics.csv", size=0)
    there.send(one)

    assert there.found() == {"demographics.csv": b""}


@pytest.mark.parametrize("names", [(), FOLDER])
def test_the_same_may_come_again(there: Running, tmp_path: Path, names: tuple[str, ...]) -> None:
    one = bundle(tmp_path, 1, *names)
    there.send(one)
    there.send(one)

    assert there.found() == contents(one)


def test_zips_of_several_revisions_stand_side_by_side_in_whatever_order(there: Running, tmp_path: Path) -> None:
    first, second = bundle(tmp_path, 1), bundle(tmp_path, 2)
    there.send(second)
    there.send(first)

    assert there.found() == contents(first) | contents(second)


def test_a_folder_has_the_newest(there: Running, tmp_path: Path) -> None:
    there.send(bundle(tmp_path, 1, *FOLDER))
    second = bundle(tmp_path, 2, *FOLDER, size=3000)
    there.send(second)

    assert there.found() == contents(second)


def test_a_probe_leaves_nothing(there: Running, tmp_path: Path) -> None:
    one = bundle(tmp_path, 1)
    there.send(one)
    there.place.probe(there.receiver)

    assert there.kept() == set(contents(one))


def test_secrets_that_are_wrong_are_refused_for_good_and_not_told(there: Running, tmp_path: Path) -> None:
    for secret in there.wrong_secrets:
        for act in (lambda r: there.place.send(r, bundle(tmp_path, 1)), there.place.probe):
            with pytest.raises(Permanent) as error:
                act(replace(there.receiver, secret=secret))
            assert error.value.reason == "CredentialsRefused"
            told = f"{error.value} {error.value.detail}"
            assert not any(value in told for key, value in secret.items() if key != "user")
    assert there.kept() == set()


def test_nobody_there_is_tried_again(there: Running, tmp_path: Path) -> None:
    if there.unreachable is None:
        return  # a folder is there, or is a mistake
    with pytest.raises(Retryable) as error:
        there.place.send(replace(there.receiver, delivery=there.unreachable), bundle(tmp_path, 1))
    assert error.value.reason == "Unreachable"


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("names", [(), FOLDER])
def test_a_full_disk_is_named_and_what_was_there_stays(name: str, names: tuple[str, ...], tmp_path: Path) -> None:
    mounts_of_our_own()
    with KINDS[name].running(tmp_path, MIB // 2) as there:
        first = bundle(tmp_path, 1, *names)
        there.send(first)

        with pytest.raises(DiskFull) as error:
            there.send(bundle(tmp_path, 2, *names, size=MIB))

        assert error.value.volume == "delivery"
        assert there.kept() == set(contents(first))
        assert there.found() == contents(first)
        small = bundle(tmp_path, 3, *names)
        there.send(small)
        assert there.found() == contents(small) | (contents(first) if not names else {})


@pytest.mark.parametrize("names", [(), FOLDER])
def test_killed_at_any_moment_the_reader_sees_whole_files_and_the_next_attempt_clears_up(
    there: Running, forks: Sender, tmp_path: Path, names: tuple[str, ...]
) -> None:
    dice = random.Random(7)
    before, after = bundle(tmp_path / "a", 1, *names, size=MIB), bundle(tmp_path / "b", 2, *names, size=MIB + 1000)
    there.send(before)
    began = time.monotonic()
    _killed(forks, there, before, None)
    took = time.monotonic() - began
    for _ in range(15):
        _killed(forks, there, after, dice.uniform(0, took))
        found = there.found()
        assert set(found) >= set(contents(before))
        assert all(data in (contents(before).get(file), contents(after).get(file)) for file, data in found.items())
    there.send(after)

    assert there.found() == contents(before) | contents(after)
    assert there.kept() == set(contents(before)) | set(contents(after))


def _killed(sender: Sender, there: Running, sent: Bundle, moment: float | None) -> None:
    """Deliver in a process of its own, which is killed after so many seconds, if it is not done by then."""
    to = there.receiver
    child = sender.begin(to.delivery, dict(to.secret), to.volume("."), sent)
    if moment is not None:
        time.sleep(moment)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    assert sender.wait() in ("sent", *(["killed"] if moment is not None else []))
    there.settled()


def test_what_others_have_there_is_left_alone(there: Running, tmp_path: Path) -> None:
    others = {".other.zip.part-12345678", "shelbyville-000001.zip", ".shelbyville-000001.zip.part-0a0a0a0a"}
    for name in others:
        there.foreign(name)
    one = bundle(tmp_path, 2)
    there.send(one)
    there.place.probe(there.receiver)

    assert there.kept() == others | set(contents(one))


def test_a_broken_off_wait_ends_at_once(there: Running, tmp_path: Path) -> None:
    """A signal raises an exception in the main thread, in the middle of whatever a library does."""

    class Enough(BaseException):
        pass

    def enough(done: int, total: int) -> None:
        if done >= MIB:
            os.kill(os.getpid(), signal.SIGALRM)
            time.sleep(0.1)

    def ring(number: int, frame: object) -> None:
        raise Enough

    was = signal.signal(signal.SIGALRM, ring)
    try:
        with pytest.raises(Enough):
            there.place.send(replace(there.receiver, progress=enough), bundle(tmp_path, 1, size=40 * MIB))
    finally:
        signal.signal(signal.SIGALRM, was)
    there.settled()
    assert there.found() == {}
