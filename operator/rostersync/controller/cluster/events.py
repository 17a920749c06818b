"""Kubernetes events. The operator's own are aggregated: a repeated event raises a count. Those of others are read."""

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime

from rostersync.api import kubernetes
from rostersync.api.api_server import path
from rostersync.api.kinds import by_plural
from rostersync.api.kubernetes import Event
from rostersync.controller.cluster.cache import Object
from rostersync.controller.cluster.client import ApiError, Cluster
from rostersync.controller.options import MANAGER

log = logging.getLogger(__name__)

_KEPT, _WAITING = 2000, 500  # events whose count is known, and events that wait to be sent
_FRESH = 5.0  # seconds for which the events read from a namespace are reused


class Events:
    """Sends events in the background. Losing one does no harm."""

    def __init__(self, cluster: Cluster, identity: str) -> None:
        self._cluster, self._identity = cluster, identity
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._queue: asyncio.Queue[Object] = asyncio.Queue(_WAITING)
        self._looked: dict[str, tuple[float, list[Event]]] = {}  # namespace -> when it was read, and its warnings

    def note(self, obj: Object, kind: str, reason: str, message: str) -> None:
        """Record a normal event."""
        self._say(obj, kind, "Normal", reason, message)

    def warn(self, obj: Object, kind: str, reason: str, message: str) -> None:
        """Record a warning that a person should read."""
        self._say(obj, kind, "Warning", reason, message)

    def _say(self, obj: Object, kind: str, sort: str, reason: str, message: str) -> None:
        meta = obj["metadata"]
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        digits = hashlib.sha256(f"{meta['uid']}/{sort}/{reason}/{message}".encode()).hexdigest()[:16]
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{meta['name'][:200]}.{digits}", "namespace": meta["namespace"]},
            "involvedObject": {
                "apiVersion": "rostersync.dev/v1alpha1",
                "kind": by_plural(kind).name,
                "name": meta["name"],
                "namespace": meta["namespace"],
                "uid": meta["uid"],
            },
            "type": sort,
            "reason": reason,
            "message": message[:1024],
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "source": {"component": MANAGER},
            "reportingComponent": MANAGER,
            "reportingInstance": self._identity,
        }
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            log.warning("Too many events at once; one about %s was dropped", meta["name"])

    async def run(self) -> None:
        """Send queued events until cancelled."""
        while True:
            event = await self._queue.get()
            try:
                await self._send(event)
            except ApiError as error:
                log.warning("An event could not be written: %s %s", error.status, error.reason)

    async def _send(self, event: Object) -> None:
        meta = event["metadata"]
        count = self._counts.pop(meta["name"], 0) + 1
        self._counts[meta["name"]] = count
        while len(self._counts) > _KEPT:
            self._counts.popitem(last=False)
        if count == 1:
            try:
                await self._cluster.create("events", meta["namespace"], event)
                return
            except ApiError as error:
                if error.status != 409:
                    raise
                known = await self._cluster.get(path("events", meta["namespace"], meta["name"]))
                count = self._counts[meta["name"]] = int(known.get("count") or 0) + 1
        more = {"count": count, "lastTimestamp": event["lastTimestamp"]}
        try:
            await self._cluster.merge(path("events", meta["namespace"], meta["name"]), more)
        except ApiError as error:
            if error.status != 404:
                raise
            self._counts.pop(meta["name"], None)  # the event expired, so the next one starts a new count
            await self._cluster.create("events", meta["namespace"], event)

    async def of(self, objects: Sequence[Object]) -> list[Event]:
        """The warnings about some objects of one namespace, at most a few seconds old.

        A namespace is listed once for everything that waits in it, since thousands of pods may wait for the same node.
        """
        namespace, now = objects[0]["metadata"]["namespace"], time.monotonic()
        known = self._looked.get(namespace)
        if known is None or now - known[0] > _FRESH:
            found, _ = await self._cluster.list("events", namespace, fieldSelector="type=Warning")
            known = self._looked[namespace] = (now, [kubernetes.event(e) for e in found])
        uids = {o["metadata"]["uid"] for o in objects}
        return [e for e in known[1] if e.get("involvedObject", {}).get("uid") in uids]
