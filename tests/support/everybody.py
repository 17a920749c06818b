"""People and robots before an API server, each under their own name, and the objects that they quarrel about."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Self

import httpx

from rostersync.api.kinds import KINDS
from rostersync.api.v1alpha1 import API_VERSION
from support.cluster.access import Cluster

OPERATOR = "system:serviceaccount:rostersync-system:rostersync-operator"
DIGEST = "sha256:" + "0123456789abcdef" * 4
RUN_UID = "11111111-2222-3333-4444-555555555555"
Manifest = dict[str, Any]

_PATHS = {
    **{kind.name: f"/apis/{API_VERSION}/namespaces/{{}}/{kind.plural}" for kind in KINDS.values()},
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "Pod": "/api/v1/namespaces/{}/pods",
}
_MERGE = {"Content-Type": "application/merge-patch+json"}
_APPLY = {"Content-Type": "application/apply-patch+yaml"}


class Person:
    """Somebody with a client certificate or token, in one namespace. Every method answers what the server said."""

    def __init__(self, cluster: Cluster, namespace: str, kubeconfig: Path | None) -> None:
        self.kubeconfig, self._cluster, self._namespace = kubeconfig, cluster, namespace
        self._client = cluster.client(kubeconfig)

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> httpx.Response:
        """POST."""
        params = {"dryRun": "All"} if dry_run else {}
        return self._client.post(self._path(manifest["kind"]), json=manifest, params=params)

    def get(self, kind: str, name: str) -> Manifest:
        """The object as it is; it must be there."""
        found: Manifest = self._client.get(self._path(kind, name)).raise_for_status().json()
        return found

    def patch(
        self, kind: str, name: str, change: Manifest, subresource: str = "", *, dry_run: bool = False
    ) -> httpx.Response:
        """A merge patch."""
        params = {"dryRun": "All"} if dry_run else {}
        return self._client.patch(self._path(kind, name, subresource), json=change, headers=_MERGE, params=params)

    def replace(self, manifest: Manifest) -> httpx.Response:
        """PUT, as `kubectl replace` and clients with whole objects do."""
        return self._client.put(self._path(manifest["kind"], manifest["metadata"]["name"]), json=manifest)

    def apply(self, manifest: Manifest, manager: str = "kubectl") -> httpx.Response:
        """Server-side apply, by force: Git's controllers do so."""
        path = self._path(manifest["kind"], manifest["metadata"]["name"])
        params = {"fieldManager": manager, "force": "true"}
        return self._client.patch(path, params=params, content=json.dumps(manifest), headers=_APPLY)

    def delete(self, kind: str, name: str) -> httpx.Response:
        """DELETE."""
        return self._client.delete(self._path(kind, name))

    def kubectl(self, *arguments: str, stdin: str | None = None) -> tuple[int, str]:
        """kubectl in the namespace: its exit code, and all it says."""
        done = self._cluster.kubectl("-n", self._namespace, *arguments, user=self.kubeconfig, input=stdin)
        return done.returncode, done.stdout + done.stderr

    def close(self) -> None:
        """Leave nothing open."""
        self._client.close()

    def _path(self, kind: str, name: str = "", subresource: str = "") -> str:
        return "/".join(part for part in (_PATHS[kind].format(self._namespace), name, subresource) if part)


class People:
    """Everybody in one namespace, with the rights that their part of the story gives them."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster, self.namespace, self._open = cluster, namespace, ExitStack()
        robot = {"kind": "ServiceAccount", "name": "robot", "namespace": namespace}
        approvers = {"kind": "Group", "name": "approvers", "apiGroup": "rbac.authorization.k8s.io"}
        cluster.apply(
            *(
                {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
                for name in ("robot", "rostersync-jobs")
            ),
            _role(namespace, "patches-approvals", "syncapprovals"),
            _role(namespace, "patches-runs", "syncruns"),
            _binding(namespace, "rostersync-edit", _user("alice"), _user("erin"), robot),
            _binding(namespace, "rostersync-view", _user("alice"), _user("erin"), robot),
            _binding(namespace, "rostersync-approver", _user("bob"), _user("ann"), approvers, robot),
            _binding(namespace, "patches-approvals", _user("carol"), kind="Role"),
            _binding(namespace, "patches-runs", _user("carol"), kind="Role"),
            _binding(namespace, "edit", _user("erin"), _user("mallory")),
        )

    def __getattr__(self, name: str) -> Person:
        """Somebody by name, met for the first time: a client of the API costs a moment."""
        if name not in _EVERYBODY:
            raise AttributeError(name)
        person = _EVERYBODY[name](self)
        setattr(self, name, person)
        return person

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def user(self, name: str, groups: Sequence[str] = ()) -> Person:
        """A person with a client certificate."""
        return self.with_kubeconfig(self._cluster.user_kubeconfig(name, groups))

    def account(self, namespace: str, name: str) -> Person:
        """A service account with a token."""
        return self.with_kubeconfig(self._cluster.service_account_kubeconfig(namespace, name))

    def with_kubeconfig(self, kubeconfig: Path | None) -> Person:
        """Whoever that is; without one the administrator of the cluster."""
        return self._open.enter_context(closing(Person(self._cluster, self.namespace, kubeconfig)))

    def approval(self, name: str = "held", **spec: Any) -> Manifest:
        """A pending SyncApproval, made by the operator."""
        made(self.operator.create(approval(name, **spec)))
        return made(self.operator.patch("SyncApproval", name, {"status": {"state": "Pending"}}, "status"))


_EVERYBODY: dict[str, Callable[[People], Person]] = {
    "admin": lambda people: people.with_kubeconfig(None),  # system:masters: RBAC refuses nothing
    "alice": lambda people: people.user("alice"),  # changes connections and runs, reads no Secret
    "erin": lambda people: people.user("erin"),  # the same, and reads every Secret
    "mallory": lambda people: people.user("mallory"),  # has Kubernetes' own role edit: makes pods and Jobs
    "bob": lambda people: people.user("bob"),  # approves
    "ann": lambda people: people.user("ann"),  # approves
    "dave": lambda people: people.user("dave", ["approvers"]),  # approves, by a group
    "carol": lambda people: people.user("carol"),  # may patch approvals and runs, without the verb approve
    "robot": lambda people: people.account(people.namespace, "robot"),  # changes and approves, as RBAC goes
    "operator": lambda people: people.account("rostersync-system", "rostersync-operator"),
}


@contextmanager
def unstamped(cluster: Cluster, name: str, stamped: Callable[[], bool]) -> Iterator[None]:
    """A server that has no such MutatingAdmissionPolicy, played by one without its binding."""
    kind = "mutatingadmissionpolicybinding"
    found = json.loads(cluster.kubectl("get", kind, name, "-o", "json", check=True).stdout)
    cluster.kubectl("delete", kind, name, check=True)
    _until(lambda: not stamped())
    try:
        yield
    finally:
        cluster.apply({key: found[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": {"name": name}})
        _until(stamped)


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def made(answer: httpx.Response) -> Manifest:
    """The object of an answer that is no refusal."""
    assert answer.is_success, answer.text
    found: Manifest = answer.json()
    return found


def refused(answer: httpx.Response) -> str:
    """The sentence of a refusal."""
    assert answer.status_code in (403, 422), answer.text
    return str(answer.json()["message"])


def connection(name: str = "springfield", kind: str = "FocusConnection", **spec: Any) -> Manifest:
    """The smallest useful connection."""
    oneroster: Manifest = {
        "serviceURL": "https://focus.springfield.example/oneroster",
        "credentialsSecretRef": {"name": "focus-credentials"},
    }
    directory: Manifest = {
        "url": "ldaps://dc1.springfield.example",
        "credentialsSecretRef": {"name": "focus-credentials"},
        "baseDNs": ["DC=springfield,DC=example"],
        "entities": [{"entity": "Student", "groups": ["Pupils"]}],
    }
    delivery = directory if kind == "ActiveDirectoryConnection" else oneroster
    return _ours(kind, name, {"termsOfUse": {"accepted": True}, "deliveryConfig": delivery} | spec)


def run(name: str = "monday", **spec: Any) -> Manifest:
    """A run of that connection."""
    return _ours("SyncRun", name, {"connectionRef": {"name": "springfield"}} | spec)


def approval(name: str = "held", **spec: Any) -> Manifest:
    """A SyncApproval as the operator makes it."""
    whole = {
        "runRef": {"name": "monday", "uid": RUN_UID},
        "connectionRef": {"kind": "FocusConnection", "name": "springfield"},
        "planDigest": DIGEST,
        "requestedBy": ["alice"],
        "requireDistinctApprover": False,
        "expiresAt": "2030-01-01T00:00:00Z",
    }
    return _ours("SyncApproval", name, whole | spec)


def _ours(kind: str, name: str, spec: Manifest) -> Manifest:
    return {"apiVersion": "rostersync.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _user(name: str) -> Manifest:
    return {"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"}


def _role(namespace: str, name: str, resource: str) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": name, "namespace": namespace},
        "rules": [{"apiGroups": ["rostersync.dev"], "resources": [resource], "verbs": ["get", "patch", "update"]}],
    }


def _binding(namespace: str, role: str, *subjects: Manifest, kind: str = "ClusterRole") -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": role, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": list(subjects),
    }
