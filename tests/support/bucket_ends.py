"""For the `hook` of a command: what happens at its requests that change a bucket."""

import os
import signal
from typing import Any

import obstore
from obstore.exceptions import GenericError

_CHANGING = ("put_async", "delete_async")


def _before(act: Any) -> None:
    """`act` gets the number of each request before it is made."""
    count = 0

    def watched(name: str) -> None:
        original = getattr(obstore, name)

        async def asked(*args: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            act(count)
            return await original(*args, **options)

        setattr(obstore, name, asked)

    for each in _CHANGING:
        watched(each)


def killed() -> None:
    """SIGKILL before the request KILLED_AT."""
    at = int(os.environ["KILLED_AT"])

    def act(number: int) -> None:
        if number >= at:
            os.kill(os.getpid(), signal.SIGKILL)

    _before(act)


def deaf() -> None:
    """From the second request on, the bucket refuses, and nobody waits for it."""
    from rostersync.execution import home_in_bucket

    home_in_bucket.PATIENCE = 0.0

    def act(number: int) -> None:
        if number > 1:
            raise GenericError("status code: 503: <Error><Code>SlowDown</Code></Error>")

    _before(act)
