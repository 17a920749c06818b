"""Groups of keys take turns, and what can wait stands aside without being forgotten."""

import asyncio
import time
from types import SimpleNamespace

import pytest

from rostersync.controller.cluster import queue as module
from rostersync.controller.cluster.queue import ASIDE, FIRST_PAUSE, IN_A_ROW, Queue


@pytest.fixture
def runner():
    with asyncio.Runner() as made:
        yield made


@pytest.fixture
def queue(runner):
    made = Queue()
    made.run = runner.run
    return made


def ready(queue):
    """All keys that can be had now; each stays with its worker."""

    async def take():
        out = []
        while True:
            try:
                async with asyncio.timeout(0.02):
                    out.append(await queue.get())
            except TimeoutError:
                return out

    return queue.run(take())


def test_groups_take_turns(runner):
    queue = Queue(lambda key: key[0])
    queue.run = runner.run
    for key in ("a1", "a2", "a3", "b1", "c1", "c2"):
        queue.add(key)

    assert ready(queue) == ["a1", "b1", "c1", "a2", "c2", "a3"]


def test_what_stands_aside_comes_after_all_others_and_is_shared_by_few(queue):
    for number in range(10):
        queue.add(number, aside=True)
    queue.add("a")

    assert ready(queue) == ["a", *range(ASIDE)]
    queue.done("a")
    assert ready(queue) == []
    queue.done(0)
    assert ready(queue) == [ASIDE]


def test_what_stands_aside_comes_now_and_then_however_much_there_is(queue):
    queue.add("aside", aside=True)
    for number in range(IN_A_ROW + 5):
        queue.add(number)

    assert ready(queue).index("aside") == IN_A_ROW


@pytest.mark.parametrize("news", [True, False], ids=["news", "more of the same"])
def test_a_key_that_stands_aside_is_called_up_by_news_alone(queue, news):
    queue.add("key", aside=True)
    queue.add("key", aside=not news)
    queue.add("other")

    assert ready(queue) == (["key", "other"] if news else ["other", "key"])


def test_a_key_that_failed_aside_comes_back_aside(queue, monkeypatch):
    queue.add("key", aside=True)
    assert ready(queue) == ["key"]
    queue.done("key", ok=False)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + FIRST_PAUSE))
    queue.add("other")

    assert ready(queue) == ["other", "key"]
