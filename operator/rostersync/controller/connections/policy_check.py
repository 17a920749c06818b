"""Whether the admission policies that guard decisions are in force, and whether they are still the same ones."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rostersync.api.api_server import path
from rostersync.api.policies import mutating, validating
from rostersync.controller.cluster.cache import Object
from rostersync.controller.cluster.client import ApiError, Cluster

_FRESH = 30.0  # seconds for which a result may be reused where nothing is being decided
_KINDS = {
    "validatingadmissionpolicies": "ValidatingAdmissionPolicy",
    "validatingadmissionpolicybindings": "ValidatingAdmissionPolicyBinding",
    "mutatingadmissionpolicies": "MutatingAdmissionPolicy",
    "mutatingadmissionpolicybindings": "MutatingAdmissionPolicyBinding",
}


@dataclass(frozen=True)
class Guard:
    """The policies at one moment. `seen`: kind, name, UID and generation of each, as an approval records them."""

    missing: tuple[str, ...]
    stamping: bool  # requesters' names are stamped, so that requireDistinctApprover can be enforced
    seen: tuple[dict[str, Any], ...]

    @property
    def unguarded(self) -> str:
        """Why no decision can be trusted. Empty when decisions can."""
        if not self.missing:
            return ""
        return (
            f"Nobody can decide: admission policies are missing ({', '.join(self.missing)}), so no decision could be trusted. "
            "Install them "
            "with the chart (policies.enabled=true) or `kubectl apply -k deploy/base`."
        )


class Guards:
    """Reads the policies, no more often than needed."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.changed: Callable[[], None] = lambda: None  # called when policies appeared or vanished since the last read
        self._last: tuple[float, Guard] | None = None
        self._one = asyncio.Lock()

    async def look(self, fresh: bool = False) -> Guard:
        """The policies now (`fresh`), or as they were within half a minute. Concurrent callers share one read."""
        asked = time.monotonic()
        if not self._good(asked if fresh else asked - _FRESH):
            async with self._one:
                if not self._good(asked if fresh else asked - _FRESH):
                    begun, before = time.monotonic(), self._last
                    self._last = (begun, await self._look())
                    if before and _standing(before[1]) != _standing(self._last[1]):
                        self.changed()
        return self._last[1] if self._last else await self._look()

    def _good(self, since: float) -> bool:
        return self._last is not None and self._last[0] >= since

    async def _look(self) -> Guard:
        missing, seen = [], []
        for kind, names in (("validating", validating()), ("mutating", mutating())):
            for name in names:
                policy = await self._get(f"{kind}admissionpolicies", name)
                binding = await self._get(f"{kind}admissionpolicybindings", name)
                if policy is None or binding is None or not _enforced(policy, binding, kind == "validating"):
                    missing.append(name)
                seen += [o for o in (policy, binding) if o]
        needed = [n for n in missing if n in validating()]
        rows = tuple(
            {
                "kind": o["kind"],
                "name": o["metadata"]["name"],
                "uid": o["metadata"]["uid"],
                "generation": _generation(o),
            }
            for o in seen
        )
        return Guard(tuple(needed), not any(n in mutating() for n in missing), rows)

    async def _get(self, kind: str, name: str) -> Object | None:
        try:
            found = await self._cluster.get(path(kind, name=name))
        except ApiError as error:
            if error.status in (403, 404):  # absent, not served, or not readable by us: nothing to rely on
                return None
            raise
        return {**found, "kind": _KINDS[kind]}


def _standing(guard: Guard) -> tuple[Any, ...]:
    return (guard.missing, guard.stamping)


def _enforced(policy: Object, binding: Object, validating: bool) -> bool:
    """Whether policy and binding refuse what they should: they fail closed, deny, and no selector narrows them."""
    spec, bound = policy["spec"], binding["spec"]
    denies = not validating or "Deny" in (bound.get("validationActions") or ())
    return (
        spec.get("failurePolicy", "Fail") == "Fail"
        and denies
        and not bound.get("matchResources")
        and bound.get("policyName") == policy["metadata"]["name"]
    )


def _generation(obj: Object) -> int:
    return int(obj["metadata"].get("generation") or 1)
