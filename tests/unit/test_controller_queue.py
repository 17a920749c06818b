"""Keys are looked at once however often they were added, by one worker at a time, and later after each failure."""

import asyncio
from contextlib import suppress

import pytest

from rostersync.controller.cluster import queue as module
from rostersync.controller.cluster.queue import AT_LAST, FIRST_PAUSE, LEISURE, LONGEST_PAUSE, Queue


class Clock:
    """A clock that somebody sets."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


class Driven(Queue):
    """A queue with an event loop of its own, in which nothing waits for real time."""

    def __init__(self, runner):
        super().__init__()
        self.run = runner.run


@pytest.fixture
def queue(clock):
    with asyncio.Runner() as runner:
        yield Driven(runner)


def ready(queue):
    """All keys that can be had now; each stays with its worker."""

    async def take():
        out = []
        while True:
            waiting = asyncio.create_task(queue.get())
            for _ in range(5):
                await asyncio.sleep(0)
            if not waiting.done():
                waiting.cancel()
                with suppress(asyncio.CancelledError):
                    await waiting
                return out
            out.append(waiting.result())

    return queue.run(take())


def one(queue):
    return queue.run(queue.get())


def test_keys_come_in_the_order_they_were_added_and_once_each(queue):
    for key in "abcab":
        queue.add(key)

    assert ready(queue) == ["a", "b", "c"]


def test_a_key_that_somebody_is_at_is_nobody_else_s(queue):
    queue.add("a")
    assert one(queue) == "a"

    queue.add("a")

    assert ready(queue) == []
    assert queue.working == 1


def test_a_key_added_while_somebody_is_at_it_comes_once_more(queue):
    queue.add("a")
    one(queue)
    queue.add("a")
    queue.add("a")

    queue.done("a")

    assert ready(queue) == ["a"]
    queue.done("a")
    assert ready(queue) == []


def test_a_key_that_is_done_is_gone(queue):
    queue.add("a")
    one(queue)

    queue.done("a")

    assert ready(queue) == []
    assert len(queue) == 0


def test_a_failed_key_comes_back_later_each_time(clock, queue):
    queue.add("a")
    pauses = []
    for failures in range(1, 12):
        assert one(queue) == "a"
        queue.done("a", ok=False)
        assert queue.failures("a") == failures
        begun = clock.now
        assert ready(queue) == []
        clock.now = queue._later[0][0]
        pauses.append(round(clock.now - begun, 3))

    assert pauses[:4] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE
    assert pauses == sorted(pauses)


def test_a_failed_key_that_was_added_meanwhile_still_pauses(clock, queue):
    queue.add("a")
    one(queue)
    queue.add("a")

    queue.done("a", ok=False)

    assert ready(queue) == []
    clock.now += FIRST_PAUSE
    assert ready(queue) == ["a"]


def test_news_of_a_failed_key_does_not_wait_for_its_pause(queue):
    queue.add("a")
    one(queue)
    queue.done("a", ok=False)

    queue.add("a")

    assert ready(queue) == ["a"]


def test_success_ends_the_pauses(clock, queue):
    queue.add("a")
    one(queue)
    queue.done("a", ok=False)
    clock.now += FIRST_PAUSE
    one(queue)

    queue.done("a")

    assert queue.failures("a") == 0


def test_a_failing_key_holds_up_no_other(queue):
    for key in "ab":
        queue.add(key)
    one(queue)
    queue.done("a", ok=False)

    assert ready(queue) == ["b"]


@pytest.mark.parametrize("order", [(5, 60), (60, 5)], ids=["earlier first", "later first"])
def test_of_two_looks_put_off_the_earlier_counts(clock, queue, order):
    for seconds in order:
        queue.add_after("a", seconds)

    assert ready(queue) == []
    clock.now += 5
    assert ready(queue) == ["a"]
    queue.done("a")
    clock.now += 60
    assert ready(queue) == []


def test_looks_put_off_come_in_the_order_of_their_time(clock, queue):
    for key, seconds in (("late", 9), ("soon", 1), ("now", -5)):
        queue.add_after(key, seconds)

    clock.now += 10
    assert ready(queue) == ["now", "soon", "late"]


def test_a_look_put_off_that_comes_while_somebody_is_at_the_key_comes_afterwards(clock, queue):
    queue.add("a")
    one(queue)
    queue.add_after("a", 5)
    clock.now += 6
    assert ready(queue) == []

    queue.done("a")

    assert ready(queue) == ["a"]


def test_a_key_may_be_put_off_again_after_its_look(clock, queue):
    queue.add_after("a", 1)
    clock.now += 1
    one(queue)
    queue.add_after("a", 1)
    queue.done("a")

    assert ready(queue) == []
    clock.now += 1
    assert ready(queue) == ["a"]


def test_a_worker_that_waits_is_woken():
    async def scene():
        queue = Queue()
        waiting = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.add("a")
        first = await asyncio.wait_for(waiting, 5)
        waiting = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.add_after("b", 0.0)
        return first, await asyncio.wait_for(waiting, 5)

    assert asyncio.run(scene()) == ("a", "b")


def test_many_workers_share_the_keys_and_no_key_has_two():
    async def scene():
        queue, at, most, looks = Queue(), dict.fromkeys(range(20), 0), 0, 0

        async def work():
            nonlocal most, looks
            while True:
                key = await queue.get()
                at[key] += 1
                most, looks = max(most, at[key]), looks + 1
                await asyncio.sleep(0)
                at[key] -= 1
                queue.done(key, ok=looks % 7 > 0)

        workers = [asyncio.create_task(work()) for _ in range(5)]
        for _ in range(10):
            for key in at:
                queue.add(key)
            await asyncio.sleep(0)
        while len(queue):
            await asyncio.sleep(0)
        for worker in workers:
            worker.cancel()
        return most, looks

    most, looks = asyncio.run(scene())
    assert most == 1
    assert looks >= 20


def test_what_can_wait_comes_when_nothing_else_does(clock, queue):
    queue.add_at_leisure("later")
    queue.add("now")
    assert ready(queue) == ["now"], "more of the same may come"
    clock.now += LEISURE
    queue.add("next")
    assert ready(queue) == ["next", "later"]


def test_what_can_wait_does_not_wait_for_ever(clock, queue):
    queue.add_at_leisure("later")
    clock.now += AT_LAST
    for number in range(3):
        queue.add(number)
    assert ready(queue) == [0, 1, 2, "later"]
    for key in (0, 1, 2, "later"):
        queue.done(key)
        queue.add(key) if key != "later" else queue.add_at_leisure(key)
    clock.now += AT_LAST - 0.1
    assert one(queue) == 0
    clock.now += 0.1
    assert one(queue) == 1
    queue.add("next")
    assert ready(queue) == [2, "later", "next"]


def test_what_can_wait_comes_at_once_when_somebody_asks_for_it(clock, queue):
    queue.add_at_leisure("key")
    queue.add("key")
    assert ready(queue) == ["key"]
    clock.now += AT_LAST
    assert ready(queue) == []


def test_a_worker_wakes_up_for_what_can_wait(monkeypatch):
    monkeypatch.setattr(module, "LEISURE", 0.01)

    async def taken():
        queue = Queue()
        waiting = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.add_at_leisure("key")
        return await asyncio.wait_for(waiting, 5)

    assert asyncio.run(taken()) == "key"
