"""Elects one leader by a Lease.

Clocks of other machines are not trusted. A Lease has expired when this process has seen it unchanged for its whole
duration. A leader that cannot renew in time ends its process at once, since another may have begun to lead. When it is
asked to end, it releases the Lease, so that the next leader need not wait.
"""

import asyncio
import logging
import os
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from rostersync.api import kubernetes
from rostersync.api.api_server import path
from rostersync.api.kubernetes import LeaseSpec
from rostersync.controller.cluster.cache import Object
from rostersync.controller.cluster.client import ApiError, Cluster

LEASE, RENEW, RETRY = 15.0, 10.0, 2.0  # seconds: a Lease's duration, renew deadline, retry period

log = logging.getLogger(__name__)


class Election:
    """This process as a candidate."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        identity: str,
        lost: Callable[[], None] = lambda: os._exit(1),
        working: Callable[[], bool] = lambda: True,
    ) -> None:
        """`lost` is called when this process no longer leads. It must not return.

        While `working` returns false, the Lease is neither taken nor renewed.
        """
        self._working = working
        self.cluster, self.namespace, self.name, self.identity, self._lost = cluster, namespace, name, identity, lost
        self.leading = asyncio.Event()
        self.renewed = 0.0  # monotonic time of the last success
        self._seen: tuple[str, float] = ("", 0.0)  # the Lease's version, and when it was first seen

    async def run(self) -> None:
        """Stand for election, lead and renew until cancelled. Then release the Lease."""
        try:
            while True:
                begun = time.monotonic()
                try:
                    async with asyncio.timeout(RENEW / 2):
                        held = await self._try(begun) if self._working() else None
                except (ApiError, TimeoutError) as error:
                    why = error.advice if isinstance(error, ApiError) else "no answer in time"
                    log.warning("Lease %s/%s: %s", self.namespace, self.name, why)
                    held = None
                if held:
                    self.renewed = begun
                    self.leading.set()
                elif self.leading.is_set() and (held is False or time.monotonic() - self.renewed > RENEW):
                    log.error("The Lease is lost; leaving, since another operator may lead now")
                    self._lost()
                await asyncio.sleep(RETRY * random.uniform(0.8, 1.2))  # noqa: S311  (spreads candidates)
        finally:
            if self.leading.is_set():
                await self._give_back()

    async def _try(self, now: float) -> bool | None:
        """Take or renew the Lease. Returns whether this process holds it, or None when that is unknown."""
        where = path("leases", self.namespace, self.name)
        try:
            lease = kubernetes.lease(await self.cluster.get(where))
        except ApiError as error:
            if error.status != 404:
                raise
            fresh = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self.name, "namespace": self.namespace},
                "spec": self._spec({}),
            }
            return await self._wrote(self.cluster.create("leases", self.namespace, fresh))
        spec: LeaseSpec = lease.get("spec") or {}
        version = lease["metadata"]["resourceVersion"]
        if self._seen[0] != version:
            self._seen = (version, now)
        holder = spec.get("holderIdentity") or ""
        if holder and holder != self.identity:
            life = float(spec.get("leaseDurationSeconds") or LEASE)
            if now - self._seen[1] < life:
                return False
        return await self._wrote(self.cluster.put(where, {**lease, "spec": self._spec(spec)}))

    async def _wrote(self, write: Awaitable[Object]) -> bool | None:
        try:
            lease = await write
        except ApiError as error:
            if error.status == 409:
                return None  # another process wrote it since it was read; the next attempt sees which one
            raise
        self._seen = (str(lease["metadata"]["resourceVersion"]), time.monotonic())
        return True

    def _spec(self, before: LeaseSpec) -> LeaseSpec:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        mine = before.get("holderIdentity") == self.identity
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": int(LEASE),
            "renewTime": now,
            "acquireTime": before.get("acquireTime", now) if mine else now,
            "leaseTransitions": (before.get("leaseTransitions") or 0) + (0 if mine else 1),
        }

    async def _give_back(self) -> None:
        try:
            async with asyncio.timeout(2):
                lease = kubernetes.lease(await self.cluster.get(path("leases", self.namespace, self.name)))
                spec: LeaseSpec = lease.get("spec") or {}
                if spec.get("holderIdentity") == self.identity:
                    spec = {**spec, "holderIdentity": "", "leaseDurationSeconds": 1}
                    await self.cluster.put(path("leases", self.namespace, self.name), {**lease, "spec": spec})
        except (ApiError, TimeoutError) as error:
            log.warning("The Lease could not be released: %s", error)
