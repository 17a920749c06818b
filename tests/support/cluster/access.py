"""How tests reach a cluster, whichever it is: as its administrator, as a user they name, by kubectl or by HTTP."""

import base64
import hashlib
import json
import ssl
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml


class Cluster(ABC):
    """A cluster and its administrator's kubeconfig."""

    def __init__(self, kubeconfig: Path, folder: Path, kubectl: Path) -> None:
        self.kubeconfig, self.folder, self._kubectl = kubeconfig, folder, kubectl

    @abstractmethod
    def certificate_of(self, name: str, groups: Sequence[str]) -> tuple[bytes, bytes]:
        """A client certificate that the cluster trusts, and its private key, both PEM."""

    def client(self, kubeconfig: Path | None = None) -> httpx.Client:
        """A client of the API with base_url and certificate (or token) of a kubeconfig; of the administrator's without one."""
        cluster, user = _current(kubeconfig or self.kubeconfig)
        context = ssl.create_default_context(cadata=_decoded(cluster["certificate-authority-data"]))
        headers = {}
        if "client-certificate-data" in user:
            with tempfile.NamedTemporaryFile("w", dir=self.folder) as pem:  # ssl reads certificates from files only
                pem.write(_decoded(user["client-certificate-data"]) + _decoded(user["client-key-data"]))
                pem.flush()
                context.load_cert_chain(pem.name)
        else:
            headers["Authorization"] = f"Bearer {user['token']}"
        return httpx.Client(base_url=cluster["server"], verify=context, headers=headers, timeout=30, trust_env=False)

    def user_kubeconfig(self, name: str, groups: Sequence[str] = ()) -> Path:
        """The kubeconfig of a user with this name and these groups, made at the first call.

        The full name of a service account works too, and gets its groups when none are given.
        """
        if name.startswith("system:serviceaccount:") and not groups:
            groups = ("system:serviceaccounts", f"system:serviceaccounts:{name.split(':')[2]}")
        known = hashlib.sha256(json.dumps([name, *groups]).encode()).hexdigest()[:16]
        path = self.folder / f"user-{known}.kubeconfig"
        if not path.exists():
            self._write_kubeconfig(path, certificate_user(*self.certificate_of(name, groups)))
        return path

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """The kubeconfig of a service account with a token of its own, as a pod of it has."""
        path = self.folder / f"account-{namespace}-{name}.kubeconfig"
        with self.client() as client:
            answer = client.post(
                f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
                json={
                    "apiVersion": "authentication.k8s.io/v1",
                    "kind": "TokenRequest",
                    "spec": {"expirationSeconds": 7200},
                },
            ).raise_for_status()
        self._write_kubeconfig(path, {"token": answer.json()["status"]["token"]})
        return path

    def kubectl(
        self,
        *arguments: str,
        user: str | Path | None = None,
        input: str | None = None,  # noqa: A002 - as subprocess names it
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """kubectl as the administrator, as a user without groups (a name) or with any kubeconfig (a path)."""
        kubeconfig = self.kubeconfig if user is None else user if isinstance(user, Path) else self.user_kubeconfig(user)
        home = {"HOME": str(self.folder), "PATH": "/usr/bin:/bin", "KUBECONFIG": str(kubeconfig)}
        done = subprocess.run(
            [self._kubectl, *arguments], input=input, capture_output=True, text=True, env=home, timeout=300, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)} exits {done.returncode}: {done.stderr.strip()}")
        return done

    def apply(self, *manifests: dict[str, Any]) -> None:
        """`kubectl apply` of these objects, as the administrator."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=text, check=True)

    def _write_kubeconfig(self, path: Path, user: dict[str, str]) -> None:
        cluster, _ = _current(self.kubeconfig)
        new = path.with_suffix(".new")
        new.write_text(kubeconfig(cluster["server"], cluster["certificate-authority-data"], user))
        new.chmod(0o600)  # kubectl warns of less
        new.replace(path)


def kubeconfig(server: str, authority: str | bytes, user: dict[str, str]) -> str:
    """The text of a kubeconfig with one cluster and one user; the authority as PEM, or already in base64."""
    data = _encoded(authority) if isinstance(authority, bytes) else authority
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority-data": data}}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    return json.dumps(document, indent=1)


def certificate_user(certificate: bytes, key: bytes) -> dict[str, str]:
    """The user of a kubeconfig that has a client certificate."""
    return {"client-certificate-data": _encoded(certificate), "client-key-data": _encoded(key)}


def _current(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    document = yaml.safe_load(path.read_text())
    named = {kind: {entry["name"]: entry for entry in document[f"{kind}s"]} for kind in ("context", "cluster", "user")}
    context = named["context"][document["current-context"]]["context"]
    return named["cluster"][context["cluster"]]["cluster"], named["user"][context["user"]]["user"]


def _encoded(pem: bytes) -> str:
    return base64.b64encode(pem).decode()


def _decoded(data: str) -> str:
    return base64.b64decode(data).decode()
