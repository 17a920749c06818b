"""What the log says of an object that could not be processed."""

import asyncio
import logging

import pytest

from rostersync.controller.cluster.client import ApiError
from rostersync.controller.options import Options
from rostersync.controller.process import Process

KEY = ("syncruns", "rosters", "monday")
ASKED = "POST /apis/batch/v1/namespaces/rosters/jobs"


def test_a_refused_request_is_logged_with_its_path(caplog: pytest.LogCaptureFixture) -> None:
    """What the API server refuses is seldom the object that is processed."""

    async def refused(key: object) -> None:
        raise ApiError(403, "Forbidden", "exceeded quota", ASKED)

    async def once() -> None:
        process = Process(Options(image="x"), None)  # type: ignore[arg-type]
        process._reconcile = refused  # type: ignore[method-assign]
        process.shared.queue.add(KEY)
        worker = asyncio.create_task(process._worker())
        await asyncio.sleep(0.1)
        worker.cancel()

    with caplog.at_level(logging.DEBUG):
        asyncio.run(once())

    told = [r.getMessage() for r in caplog.records if r.name == "rostersync.controller.process"]
    assert told
    assert told[0].startswith(f"syncruns rosters/monday: {ASKED}: 403 Forbidden: exceeded quota; check the operator's")
