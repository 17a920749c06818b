"""What the operator says of a kubeconfig that it cannot use, and of an API server that refuses."""

from pathlib import Path

import pytest

from rostersync.controller.cluster.client import ApiError
from rostersync.controller.cluster.login import login
from rostersync.errors import Permanent

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: []
users: [{name: me, user: {token: hunter2}}]
contexts: [{name: there, context: {cluster: gone, user: me}}]
current-context: there
"""
TABLE = {
    "it does not exist": (None, "does not exist"),
    "it is empty": ("", "Invalid kube-config"),
    "it is not YAML": ("a: [b\nc: hunter2", "it is not YAML (line 2)"),
    "it is not a kubeconfig": ("[hunter2]", "it is not a kubeconfig"),
    "its cluster is missing": (KUBECONFIG, "gone"),
}


@pytest.mark.parametrize("case", TABLE)
def test_a_kubeconfig_that_is_of_no_use_is_named_with_what_is_wrong(tmp_path: Path, case: str) -> None:
    text, why = TABLE[case]
    path = tmp_path / "kubeconfig"
    if text is not None:
        path.write_text(text, encoding="utf-8")

    with pytest.raises(Permanent) as raised:
        login(str(path))

    said = str(raised.value)
    assert f"the kubeconfig {path} " in said
    assert why in said
    assert "Exception" not in said
    assert "hunter2" not in said


def test_a_kind_that_is_not_installed_is_named_by_its_path_with_what_to_do() -> None:
    error = ApiError(404, "Not Found", "", "GET /apis/rostersync.dev/v1alpha1/focusconnections")

    assert error.advice == (
        "GET /apis/rostersync.dev/v1alpha1/focusconnections: 404 Not Found; rostersync's CRDs are not installed in this "
        "cluster, or are of another version: install its chart or crds/"
    )


def test_a_lease_without_its_namespace_is_named_by_its_path_with_what_to_do() -> None:
    asked = "POST /apis/coordination.k8s.io/v1/namespaces/nowhere/leases"
    error = ApiError(404, "NotFound", 'namespaces "nowhere" not found', asked)

    assert str(error) == f'{asked}: 404 NotFound: namespaces "nowhere" not found'
    assert "check that the namespace exists" in error.advice
