"""The API server as the benchmark talks to it: raw JSON over one session, many requests at a time, and watches."""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from rostersync.api.api_server import path
from rostersync.controller.cluster.login import login

Object = dict[str, Any]
T = TypeVar("T")
IN_FLIGHT = 16  # more gain nothing: the API server's CPU is what is waited for
_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_REQUESTS = re.compile(r"^apiserver_request_total\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


class Refused(RuntimeError):  # noqa: N818 - what the server said, not a mistake
    """The API server did not do what the benchmark asked for; the text says why."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.status = status


class Api:
    """One identity. The session is that of the operator, so that the floor pays for the same login."""

    def __init__(self, session: aiohttp.ClientSession, server: str) -> None:
        self._session, self._server = session, server.rstrip("/")

    async def send(
        self, method: str, where: str, body: Object | None = None, content: str = "application/json", **query: str
    ) -> Object:
        """The answer to one request. Raises Refused."""
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        headers = {"Accept": "application/json"} | ({"Content-Type": content} if data else {})
        async with self._session.request(
            method, self._server + where, data=data, headers=headers, params=query
        ) as answer:
            text = await answer.read()
            if answer.status >= 400:
                raise Refused(answer.status, f"{method} {where}: {answer.status} {text.decode(errors='replace')[:500]}")
            made: Object = json.loads(text)
            return made

    async def apply_status(self, kind: str, obj: Object, status: Object) -> Object:
        """Server-side apply of a status, as the operator writes it."""
        meta = obj["metadata"]
        body = {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "metadata": {k: meta[k] for k in ("name", "namespace", "uid")},
            "status": status,
        }
        where = path(kind, meta["namespace"], meta["name"], "status")
        query = {"fieldManager": "rostersync-operator", "force": "true"}
        return await self.send("PATCH", where, body, "application/apply-patch+yaml", **query)

    async def items(self, kind: str, namespace: str, **query: str) -> list[Object]:
        """All objects of a kind in a namespace."""
        found: list[Object] = []
        more = {"limit": "500", **query}
        while True:
            page = await self.send("GET", path(kind, namespace), None, **more)
            found += page["items"] or []
            if not page["metadata"].get("continue"):
                return found
            more["continue"] = page["metadata"]["continue"]

    async def text(self, where: str) -> str:
        """An answer that is no JSON."""
        async with self._session.get(self._server + where) as answer:
            return await answer.text()

    async def counted(self) -> Counter[tuple[str, str]]:
        """Successful requests so far by (verb, resource[/subresource]), as the API server counts them."""
        out: Counter[tuple[str, str]] = Counter()
        for names, value in _REQUESTS.findall(await self.text("/metrics")):
            label = dict(_LABEL.findall(names))
            if label["code"].startswith("2") and not label["dry_run"]:
                sub = f"/{label['subresource']}" if label["subresource"] else ""
                out[label["verb"], label["resource"] + sub] += int(float(value))
        return out

    @asynccontextmanager
    async def watching(
        self, kind: str, namespace: str, seen: Callable[[Object], None], *, metadata: bool = False, **query: str
    ) -> AsyncIterator[None]:
        """Calls `seen` with every object that is made or changed from now on, until the block ends."""
        head = await self.send("GET", path(kind, namespace), None, limit="1", **query)
        task = asyncio.create_task(
            self._watch(kind, namespace, seen, head["metadata"]["resourceVersion"], metadata, query)
        )
        try:
            yield
        finally:
            broken = task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if broken:
                raise Refused(0, f"the watch of {kind} ended: {task}")

    async def _watch(
        self,
        kind: str,
        namespace: str,
        seen: Callable[[Object], None],
        version: str,
        metadata: bool,
        query: dict[str, str],
    ) -> None:
        headers = {"Accept": _METADATA if metadata else "application/json"}
        params = {"watch": "1", "resourceVersion": version, "timeoutSeconds": "3600", **query}
        unlimited = aiohttp.ClientTimeout(total=None)
        where = self._server + path(kind, namespace)
        async with self._session.get(where, headers=headers, params=params, timeout=unlimited) as answer:
            left = b""
            async for chunk in answer.content.iter_any():
                *lines, left = (left + chunk).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    if event["type"] in ("ADDED", "MODIFIED"):
                        seen(event["object"])


@asynccontextmanager
async def connected(kubeconfig: Path) -> AsyncIterator[Api]:
    """The API as the user of a kubeconfig."""
    found = login(str(kubeconfig))
    async with found.session() as session:
        yield Api(session, found.server)


async def each(items: Iterable[T], act: Callable[[T], Awaitable[object]], at_once: int = IN_FLIGHT) -> None:
    """`act` on every item, so many at a time."""
    left = iter(items)

    async def work() -> None:
        for item in left:
            await act(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work())
    except BaseExceptionGroup as many:
        raise many.exceptions[0] from None


async def until(holds: Callable[[], Awaitable[bool]], seconds: float, what: str, pause: float = 0.2) -> None:
    """Waits until something holds. Raises Refused when it does not come about."""
    end = time.monotonic() + seconds
    while not await holds():
        if time.monotonic() > end:
            raise Refused(0, f"{what} did not come about in {seconds:.0f} s")
        await asyncio.sleep(pause)
