"""Requests to the API server as plain JSON over one session. Models of objects would cost ten times the CPU."""

from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import msgspec

from rostersync.api.api_server import PAGE, path
from rostersync.api.kinds import by_plural
from rostersync.api.v1alpha1 import API_VERSION
from rostersync.controller.cluster.cache import Object
from rostersync.controller.options import MANAGER

_TIMEOUT = aiohttp.ClientTimeout(total=60, connect=10)
Decode = Callable[[bytes], Object]


class ApiError(Exception):
    """The API server refused a request, or could not be reached (status 0). `asked`: its method and path."""

    def __init__(self, status: int, reason: str, message: str, asked: str = "") -> None:
        super().__init__(": ".join(filter(None, (asked, f"{status} {reason}", message))))
        self.status, self.reason, self.message, self.asked = status, reason, message, asked

    @property
    def advice(self) -> str:
        """The error, and what whoever runs the operator can do about it."""
        ours = f"/apis/{API_VERSION}" in self.asked
        if self.status == 404 and ours:
            todo = "rostersync's CRDs are not installed in this cluster, or are of another version: install its chart or crds/"
        elif self.status == 404:
            todo = "check that the namespace exists and that this is the right cluster (--kubeconfig)"
        elif self.status in (401, 403):
            todo = "check the operator's service account, and install the roles of this version's chart"
        elif self.status == 0:
            todo = "check that the API server is up and can be reached from here"
        else:
            return str(self)
        return f"{str(self).rstrip('. ')}; {todo}"


class Cluster:
    """One API server."""

    def __init__(self, session: aiohttp.ClientSession, server: str) -> None:
        self._session, self._server = session, server.rstrip("/")
        self.requests: dict[tuple[str, int], int] = {}  # (method, status) -> count, for the metrics

    async def get(self, where: str, **query: str) -> Object:
        """The object or list at a path."""
        return await self._send("GET", where, params=query)

    async def list(
        self,
        kind: str,
        namespace: str = "",
        keep: Callable[[Object], Object] = lambda obj: obj,
        read: Decode = msgspec.json.decode,
        **query: str,
    ) -> tuple[list[Object], int]:
        """All objects of a kind, and the list's resourceVersion. `read` and `keep` reduce each page as it arrives."""
        found: list[Object] = []
        more = {"limit": str(PAGE), **query}
        while True:
            page = await self._send("GET", path(kind, namespace), params=more, read=read)
            found += map(keep, page.get("items") or [])
            if not page["metadata"].get("continue"):
                return found, int(page["metadata"].get("resourceVersion") or 0)
            more["continue"] = page["metadata"]["continue"]

    async def create(self, kind: str, namespace: str, body: Mapping[str, Any]) -> Object:
        """Create an object. Raises ApiError 409 when the name is taken."""
        return await self._send("POST", path(kind, namespace), body, params={"fieldManager": MANAGER})

    async def apply_status(self, kind: str, obj: Object, status: Mapping[str, Any]) -> Object:
        """Write an object's whole status by server-side apply. Raises ApiError 409 when the UID is another one."""
        meta = obj["metadata"]
        body = {
            "apiVersion": API_VERSION,
            "kind": by_plural(kind).name,
            "metadata": {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
            "status": status,
        }
        where = path(kind, meta["namespace"], meta["name"], "status")
        query = {"fieldManager": MANAGER, "force": "true"}
        return await self._send("PATCH", where, body, "application/apply-patch+yaml", query)

    async def merge(self, where: str, body: Mapping[str, Any]) -> Object:
        """Change some fields of an object by a merge patch."""
        return await self._send("PATCH", where, body, "application/merge-patch+json", {"fieldManager": MANAGER})

    async def put(self, where: str, body: Mapping[str, Any]) -> Object:
        """Replace an object. Raises ApiError 409 when it changed since it was read."""
        return await self._send("PUT", where, body)

    async def delete(self, kind: str, obj: Object) -> None:
        """Delete an object and its dependents, if it still exists. Another object of the same name stays."""
        meta = obj["metadata"]
        body = {"propagationPolicy": "Background", "preconditions": {"uid": meta["uid"]}}
        try:
            await self._send("DELETE", path(kind, meta["namespace"], meta["name"]), body)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    async def _send(
        self,
        method: str,
        where: str,
        body: Mapping[str, Any] | None = None,
        content: str = "application/json",
        params: Mapping[str, str] | None = None,
        read: Decode = msgspec.json.decode,
    ) -> Object:
        data = None if body is None else msgspec.json.encode(body)
        headers = {"Accept": "application/json"} | ({"Content-Type": content} if data else {})
        url, asked = self._server + where, f"{method} {where}"
        try:
            async with self._session.request(
                method, url, data=data, headers=headers, params=params, timeout=_TIMEOUT
            ) as response:
                text = await response.read()
                self._count(method, response.status)
                if response.status < 400:
                    return read(text) if text[:1] == b"{" else {}
                answer: Object = msgspec.json.decode(text) if text[:1] == b"{" else {}
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            self._count(method, 0)
            why = "in time" if isinstance(error, TimeoutError) else f"at {self._server}"
            raise ApiError(0, "Unreachable", f"no answer from the API server {why}", asked) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ApiError(response.status, "NotJSON", "the answer is not JSON", asked) from error
        reason = str(answer.get("reason") or response.reason)
        raise ApiError(response.status, reason, str(answer.get("message") or ""), asked)

    def _count(self, method: str, status: int) -> None:
        self.requests[method, status] = self.requests.get((method, status), 0) + 1
