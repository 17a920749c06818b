"""Requests to the cluster. Objects are plain dictionaries, and errors are sentences for people."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from rostersync.api.api_server import PAGE, path
from rostersync.api.kinds import KINDS
from rostersync.api.v1alpha1 import API_VERSION
from rostersync.errors import Permanent, Retryable
from rostersync.plugin.kubeconfig import Login
from rostersync.plugin.refusals import Asked, refused

Object = dict[str, Any]

TIMEOUT = (10, 60)  # seconds to connect, seconds to answer
MANAGER = "kubectl-roster"  # owner of the fields that are written, in managedFields


class Cluster:
    """One API server, and the namespace to use where no other is named."""

    def __init__(
        self, login: Login, namespace: str | None = None, user: str | None = None, groups: Sequence[str] = ()
    ) -> None:
        """`user` and `groups`: whom to act as, instead of the kubeconfig's user."""
        self.client, self.server, self.default = login.client, login.server, login.namespace
        self.namespace = namespace or login.namespace
        self.client.user_agent = MANAGER
        self._acting = [("Impersonate-User", user)] if user else []
        self._acting += [("Impersonate-Group", group) for group in groups]
        self._ahead = 0.0  # seconds that the API server's clock is ahead of this machine's

    def get(self, kind: str, name: str) -> Object:
        """One object. Raises Permanent (NotFound)."""
        return self._call(Asked("get", kind, self.namespace, name), "GET")

    def list(self, kind: str, everywhere: bool = False, fields: str = "") -> list[Object]:
        """All objects of a kind, in the namespace or in all. `fields` is a field selector."""
        asked = Asked("list", kind, "" if everywhere else self.namespace)
        found: list[Object] = []
        query = [("limit", str(PAGE)), *([("fieldSelector", fields)] if fields else [])]
        after = ""
        while True:
            page = self._call(asked, "GET", query=[*query, *([("continue", after)] if after else [])])
            items = page.get("items") or []
            found += [{"apiVersion": API_VERSION, "kind": kind, **_plain(item)} for item in items]
            after = (page.get("metadata") or {}).get("continue") or ""
            if not after:
                return found

    def create(self, kind: str, name: str, spec: Object) -> Object:
        """Create an object. Raises Permanent (AlreadyExists)."""
        body = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
        return self._call(Asked("create", kind, self.namespace, name), "POST", body)

    def patch(self, kind: str, name: str, change: Object) -> Object:
        """Merge `change` into an object. If `change` has uid and resourceVersion, the object must still have these.

        Raises Retryable (Conflict) if it has others.
        """
        return self._call(Asked("patch", kind, self.namespace, name), "PATCH", change)

    def whoami(self) -> str:
        """The caller's user name, as admission policies see it."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = self._request(Asked("create", "SelfSubjectReview", ""), "POST", path("selfsubjectreviews"), body, [])
        return str(answer["status"]["userInfo"]["username"])

    def has_namespace(self) -> bool:
        """Whether the namespace exists. Callers who may not look at it get True."""
        try:
            self._request(Asked("get", "Namespace", ""), "GET", path("namespaces", name=self.namespace), None, [])
        except Permanent as error:
            return error.reason not in ("NotFound", "NotInstalled", "NamespaceNotFound")
        return True

    def now(self) -> datetime:
        """The time by the API server's clock, as known from its answers."""
        return datetime.fromtimestamp(datetime.now(UTC).timestamp() + self._ahead, UTC)

    def _call(self, asked: Asked, method: str, body: Object | None = None, query: Any = ()) -> Object:
        where = path(KINDS[asked.kind].plural, asked.namespace, "" if method == "POST" else asked.name)
        written = [] if body is None else [("fieldManager", MANAGER), ("fieldValidation", "Strict")]
        return self._request(asked, method, where, body, [*query, *written])

    def _request(self, asked: Asked, method: str, where: str, body: Object | None, query: Any) -> Object:
        import urllib3

        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/merge-patch+json" if method == "PATCH" else "application/json"
        try:
            request = self.client.param_serialize(
                method, where, query_params=query, header_params=headers, body=body, auth_settings=["BearerToken"]
            )
            verb, url, said, *rest = request
            response = self.client.call_api(verb, url, self._as(said), *rest, _request_timeout=TIMEOUT)
            text = response.read().decode("utf-8", "replace")
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        except Exception as error:
            if getattr(error, "status", None) != 0:  # the library's status for a failure of TLS
                raise
            raise self._untrusted(error) from error
        self._note_time(response.headers.get("Date"))
        if not 200 <= response.status < 300:
            raise refused(asked, response.status, text)
        return _object(text, self.server)

    def _as(self, headers: dict[str, Any]) -> Any:
        """The headers of a request with those of impersonation. Impersonate-Group may occur several times."""
        import urllib3

        said = urllib3.HTTPHeaderDict(headers)
        for name, value in self._acting:
            said.add(name, value)
        return said

    def _unreachable(self, error: Exception) -> Exception:
        import urllib3

        cause = getattr(error, "reason", None) or error
        if isinstance(cause, urllib3.exceptions.SSLError):
            return self._untrusted(cause)
        return Retryable(
            f"The cluster at {self.server} cannot be reached ({_why(cause)}): is it running, is the network "
            "or VPN up, is it the right --context?",
            reason="Unreachable",
        )

    def _untrusted(self, error: object) -> Permanent:
        return Permanent(
            f"There is no secure connection to the cluster at {self.server} ({str(error).splitlines()[-1]}): the kubeconfig's "
            "certificates are not those of this cluster, or have expired.",
            reason="TLS",
        )

    def _note_time(self, date: str | None) -> None:
        if date:
            self._ahead = parsedate_to_datetime(date).timestamp() - datetime.now(UTC).timestamp()


def _why(cause: object) -> str:
    """Why a server was not reached, in plain words. The first kind that fits counts: some are kinds of others."""
    from urllib3 import exceptions as of

    text = str(cause)
    if "refused" in text:
        return "connection refused"
    if "unreachable" in text or "No route" in text:
        return "no route to it"
    for kind, words in (
        (of.NameResolutionError, "its name is not known"),
        (of.NewConnectionError, "no connection"),
        (of.ConnectTimeoutError, "no connection in time"),
        (of.TimeoutError, "no answer in time"),
        (of.ProxyError, "the proxy failed"),
    ):
        if isinstance(cause, kind):
            return words
    return "the connection broke"


def _object(text: str, server: str) -> Object:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Permanent(f"{server} does not answer as a Kubernetes API server does; check --context.", reason="NoAPI")
    return _plain(found)


def _plain(found: Object) -> Object:
    """The object without managedFields, as kubectl shows it."""
    (found.get("metadata") or {}).pop("managedFields", None)
    return found
