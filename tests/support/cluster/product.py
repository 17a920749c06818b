"""What of the product a cluster must have before an operator runs: types, rights and admission policies."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from rostersync.api import generated_files
from rostersync.api.kinds import Kind, connections
from rostersync.api.v1alpha1 import GROUP
from support.cluster.access import Cluster

ROOT = Path(__file__).parents[3]
NAMESPACE = "rostersync-system"

# Of deploy/base; tests start the operator themselves, as a process or by the chart.
_KINDS = {
    "Namespace",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
}
_REFUSED, _CHANGED = "canary-refused", "canary-changed"


def install_product(cluster: Cluster) -> None:
    """CRDs, RBAC and policies of this clone, until the API server goes by them; the operator itself is not started."""
    crds = [
        document for file in sorted((ROOT / "crds").glob("*.yaml")) for document in yaml.safe_load_all(file.read_text())
    ]
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    _install(cluster, crds, [document for document in _base() if document["kind"] in _KINDS])


@contextmanager
def installed_kind(cluster: Cluster, kind: Kind) -> Iterator[None]:
    """What follows from the table of kinds, which has this one more than the clone's; afterwards the clone's own again."""
    made = generated_files.repository()
    crds, base = (
        [document for name in names for document in yaml.safe_load_all(made[f"{generated_files.BASE}/{name}.yaml"])]
        for names in (("crds",), ("policies", "roles"))
    )
    try:
        _install(cluster, crds, base)
        yield
    finally:
        own = [d for d in base if d["metadata"]["name"].startswith(f"{kind.singular}-")]
        for each in own:
            cluster.kubectl("delete", each["kind"], each["metadata"]["name"], check=True)
        cluster.kubectl("delete", "crd", f"{kind.plural}.{GROUP}", "--wait=false", check=True)
        install_product(cluster)


def _install(cluster: Cluster, crds: Sequence[dict[str, Any]], base: Sequence[dict[str, Any]]) -> None:
    cluster.apply(*crds)
    names = [f"crd/{crd['metadata']['name']}" for crd in crds]
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names, check=True)
    if base:
        cluster.apply(*base)
        wait_for_policies(cluster)
        _wait_for_stamps(cluster)


def _wait_for_stamps(cluster: Cluster, seconds: float = 120) -> None:
    """Returns once objects of the new types can be made: what stamps them learns of a type a while after it is there."""
    delivery = {"serviceURL": "https://sis.example", "credentialsSecretRef": {"name": "canary"}}
    specs = {
        **{kind.name: {"termsOfUse": {"accepted": True}, "deliveryConfig": delivery} for kind in connections()},
        "SyncRun": {"connectionRef": {"name": "canary"}},
    }
    end = time.monotonic() + seconds
    with cluster.client() as client:
        for kind, spec in specs.items():
            body = {"apiVersion": "rostersync.dev/v1alpha1", "kind": kind, "metadata": {"name": "canary"}, "spec": spec}
            path = f"/apis/rostersync.dev/v1alpha1/namespaces/{NAMESPACE}/{kind.lower()}s"
            while (answer := client.post(path, params={"dryRun": "All"}, json=body)).status_code == 503:
                if time.monotonic() > end:
                    raise RuntimeError(f"no {kind} can be made {seconds} s after its type was: {answer.text}")
                time.sleep(0.2)


def wait_for_policies(cluster: Cluster, seconds: float = 30) -> None:
    """Returns once the API server goes by the policies that were applied before: it reads them a second late.

    Two policies of our own, made after them, tell; nothing of them stays.
    """
    canaries = _canaries()
    cluster.apply(*canaries)
    try:
        end = time.monotonic() + seconds
        while not (_create(cluster, _REFUSED) is None and (_create(cluster, _CHANGED) or {}).get("canary") == "seen"):
            if time.monotonic() > end:
                raise RuntimeError(f"the API server does not go by admission policies {seconds} s after they were made")
            time.sleep(0.1)
    finally:
        with cluster.client() as client:
            for each in canaries:
                resource = (
                    each["kind"].lower().replace("policy", "policies")
                    if each["kind"].endswith("Policy")
                    else f"{each['kind'].lower()}s"
                )
                client.delete(f"/apis/{each['apiVersion']}/{resource}/{each['metadata']['name']}").raise_for_status()


def _base() -> Iterator[dict[str, Any]]:
    for file in sorted((ROOT / "deploy" / "base").glob("*.yaml")):
        if file.name != "kustomization.yaml":
            yield from (document for document in yaml.safe_load_all(file.read_text()) if document)


def _create(cluster: Cluster, name: str) -> dict[str, str] | None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"canary": "alive"}}
    with cluster.client() as client:
        answer = client.post(f"/api/v1/namespaces/{NAMESPACE}/configmaps", params={"dryRun": "All"}, json=body)
    data: dict[str, str] | None = answer.json()["data"] if answer.is_success else None
    return data


def _canaries() -> list[dict[str, Any]]:
    refuse = {"validations": [{"expression": "false", "message": "a canary"}]}
    patch = '[JSONPatch{op: "replace", path: "/data/canary", value: "seen"}]'
    change = {
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}],
    }
    return [
        *_policy("Validating", _REFUSED, refuse, {"validationActions": ["Deny"]}),
        *_policy("Mutating", _CHANGED, change, {}),
    ]


def _policy(kind: str, name: str, what: dict[str, Any], binding: dict[str, Any]) -> list[dict[str, Any]]:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    spec = {
        "failurePolicy": "Ignore",
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [{"name": "canary", "expression": f"object.metadata.name == '{name}'"}],
        **what,
    }
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": f"{name}.test.rostersync.dev"}}
    bound = {"policyName": head["metadata"]["name"], **binding}  # type: ignore[index]
    return [
        {**head, "kind": f"{kind}AdmissionPolicy", "spec": spec},
        {**head, "kind": f"{kind}AdmissionPolicyBinding", "spec": bound},
    ]
