"""An API server that a dictionary plays: enough for one operator's loop, with every write counted and told back."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from rostersync.controller.cluster.cache import JOBS, PODS, RUNS, Object
from rostersync.controller.cluster.client import ApiError, Cluster, Decode

CONNECTIONS = "focusconnections"
_TOLD = (RUNS, "syncapprovals", JOBS, PODS)


class Remembering(Cluster):
    """Objects by path. `told` hears of each change as a watch would tell it; `refuse` may refuse a write."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.requests: dict[tuple[str, int], int] = {}
        self.writes: Counter[tuple[str, str]] = Counter()  # (method, kind) -> count
        self.told: Callable[[str, str, Object], None] = lambda kind, sort, obj: None
        self.refuse: Callable[[str, Object], ApiError | None] = lambda kind, body: None
        self._version = 0

    def put_in(self, kind: str, namespace: str, name: str, body: Object) -> Object:
        """Somebody makes an object."""
        self._version += 1
        meta = {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{self._version}",
            "generation": 1,
            "creationTimestamp": "2026-11-26T02:00:00Z",
            **body.get("metadata", {}),
        }
        made = {**body, "metadata": meta | {"resourceVersion": str(self._version)}}
        self.objects[f"{namespace}/{kind}/{name}"] = made
        self._tell(kind, "ADDED", made)
        return made

    def change(self, kind: str, namespace: str, name: str, **more: Any) -> Object:
        """Somebody changes parts of an object."""
        self._version += 1
        known = self.objects[f"{namespace}/{kind}/{name}"]
        meta = {**known["metadata"], **more.pop("metadata", {}), "resourceVersion": str(self._version)}
        made = self.objects[f"{namespace}/{kind}/{name}"] = {**known, **more, "metadata": meta}
        self._tell(kind, "MODIFIED", made)
        return made

    def take_out(self, kind: str, namespace: str, name: str) -> None:
        """Somebody deletes an object."""
        self._version += 1
        gone = self.objects.pop(f"{namespace}/{kind}/{name}")
        gone = {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self._version)}}
        self._tell(kind, "DELETED", gone)

    def _tell(self, kind: str, sort: str, obj: Object) -> None:
        if kind in _TOLD or kind.endswith("connections"):
            self.told(kind, sort, obj)

    async def _send(
        self,
        method: str,
        where: str,
        body: Mapping[str, Any] | None = None,
        content: str = "application/json",
        params: Mapping[str, str] | None = None,
        read: Decode = msgspec.json.decode,
    ) -> Object:
        _, found, rest = where.partition("/namespaces/")
        namespace, kind, name, sub = [*rest.split("/"), "", "", ""][:4] if found else ("", "", "", "")
        key = f"{namespace}/{kind}/{name}"
        if method != "GET":
            self.writes[method, f"{kind}/{sub}" if sub else kind] += 1
        if method == "POST":
            return self._create(kind, namespace, dict(body or {}))
        if not name and method == "GET" and found:
            there = [o for k, o in self.objects.items() if k.startswith(key)]
            return {"metadata": {"resourceVersion": str(self._version)}, "items": there}
        if key not in self.objects:
            raise ApiError(404, "NotFound", f"{key} is not there")
        if method == "PATCH":
            return self.change(kind, namespace, name, **self._patched(self.objects[key], dict(body or {}), sub))
        if method == "DELETE":
            self.take_out(kind, namespace, name)
            return {}
        return self.objects[key]

    def _create(self, kind: str, namespace: str, body: Object) -> Object:
        refused = self.refuse(kind, body)
        if refused:
            raise refused
        if f"{namespace}/{kind}/{body['metadata']['name']}" in self.objects:
            raise ApiError(409, "AlreadyExists", "it is there")
        return self.put_in(kind, namespace, body["metadata"]["name"], body)

    @staticmethod
    def _patched(known: Object, body: Object, sub: str) -> Object:
        if sub == "status":
            return {"status": body["status"]}
        return {k: {**known.get(k, {}), **v} if isinstance(v, dict) else v for k, v in body.items()}
