"""Manifests for tests of reading them."""

from pathlib import Path

from rostersync.local.manifest_files import Manifests, load

CONNECTION = """\
apiVersion: rostersync.dev/v1alpha1
kind: FocusConnection
metadata: {name: springfield, namespace: rosters}
spec:
  termsOfUse: {accepted: true}
  deliveryConfig:
    serviceURL: https://focus.example/v1p1
    credentialsSecretRef: {name: focus}
"""
SECRET = """\
apiVersion: v1
kind: Secret
metadata: {name: focus, namespace: rosters}
stringData: {clientID: some-client, clientSecret: hunter2}
"""


def given(folder: Path, *documents: str, env: dict[str, str] | None = None) -> Manifests:
    """What is loaded of one file with these documents."""
    file = folder / "manifests.yaml"
    file.write_text("---\n".join(documents), encoding="utf-8")
    return load([file], env or {})
