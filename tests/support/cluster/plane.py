"""A bare control plane: etcd, kube-apiserver and kube-controller-manager as processes of this machine.

No scheduler and no kubelet: the Job controller makes pods, and tests say how these end (`support.cluster.pods`).
"""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import httpx

from support.cluster.access import Cluster, certificate_user, kubeconfig
from support.cluster.certificates import SERVES, Authority, key_pair
from support.cluster.processes import free_ports, kill, start, tail
from support.cluster.programs import programs

# What Jobs, garbage collection, namespaces, service accounts, quotas, claims and aggregated roles need; the rest only costs.
CONTROLLERS = (
    "job-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
    "clusterrole-aggregation-controller",
    "resourcequota-controller",
    "persistentvolumeclaim-protection-controller",
    "ttl-after-finished-controller",
    "validatingadmissionpolicy-status-controller",
)
_PATIENCE = 60  # seconds; it takes three, but tests share their machine


class ControlPlane(Cluster):
    """A context manager; everything that it makes is in its folder, every process ends with it."""

    def __init__(self, folder: Path) -> None:
        self._bin = programs("control-plane")
        super().__init__(folder / "admin.kubeconfig", folder, self._bin / "kubectl")
        self._authority = Authority()
        self.etcd: subprocess.Popen[bytes] | None = None
        self.apiserver: subprocess.Popen[bytes] | None = None
        self.controller_manager: subprocess.Popen[bytes] | None = None
        self._etcd_url = self._server = ""

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self.controller_manager, self.apiserver, self.etcd):
            kill(process)

    def certificate_of(self, name: str, groups: Sequence[str]) -> tuple[bytes, bytes]:
        """A client certificate that the API server trusts, and its private key, both PEM."""
        return self._authority.issue(name, groups)

    def kill_apiserver(self) -> None:
        """SIGKILL; `start_apiserver` brings it back at the same address, with what etcd has."""
        kill(self.apiserver)
        self.apiserver = None

    def start_apiserver(self) -> None:
        """Starts the API server, until it is ready, and the controller-manager anew, which otherwise sleeps for half a minute."""
        kill(self.controller_manager)
        self.apiserver = start(self._apiserver_command(), self.folder / "kube-apiserver.log")
        with self.client() as client:
            self._wait(self.apiserver, "kube-apiserver", client, "/readyz")
        self.controller_manager = start(self._manager_command(), self.folder / "kube-controller-manager.log")

    def compact(self) -> int:
        """Compacts etcd's history up to now, and says up to which revision.

        Watches that are open go on, served from the API server's memory; after a restart of the API server every older
        resourceVersion gets 410 Gone.
        """
        with httpx.Client(base_url=self._etcd_url, trust_env=False, timeout=30) as client:
            head = client.post("/v3/kv/range", json={"key": "AA=="}).raise_for_status().json()["header"]["revision"]
            client.post("/v3/kv/compaction", json={"revision": head, "physical": True}).raise_for_status()
        return int(head)

    def _start(self) -> None:
        ports = free_ports(3)
        self._etcd_url, self._server = f"http://127.0.0.1:{ports[0]}", f"https://127.0.0.1:{ports[2]}"
        self.etcd = start(self._etcd_command(f"http://127.0.0.1:{ports[1]}"), self.folder / "etcd.log")
        self._write_secrets()
        with httpx.Client(base_url=self._etcd_url, trust_env=False) as client:
            self._wait(self.etcd, "etcd", client, "/health")
        self.start_apiserver()
        with self.client() as client:
            self._wait(
                self.controller_manager,
                "kube-controller-manager",
                client,
                "/api/v1/namespaces/default/serviceaccounts/default",
            )

    def _wait(self, process: subprocess.Popen[bytes] | None, name: str, client: httpx.Client, path: str) -> None:
        end = time.monotonic() + _PATIENCE
        while True:
            if process is None or process.poll() is not None:
                raise RuntimeError(f"{name} ended while it started:\n{tail(self.folder / f'{name}.log')}")
            try:
                if client.get(path).is_success:
                    return
            except httpx.TransportError:
                pass
            if time.monotonic() > end:
                raise RuntimeError(f"{name} is not ready after {_PATIENCE} s:\n{tail(self.folder / f'{name}.log')}")
            time.sleep(0.05)

    def _write_secrets(self) -> None:
        (self.folder / "ca.crt").write_bytes(self._authority.pem)
        served = self._authority.issue(
            "kube-apiserver", use=SERVES, hosts=["127.0.0.1", "localhost", "kubernetes.default.svc"]
        )
        (self.folder / "apiserver.crt").write_bytes(served[0])
        (self.folder / "apiserver.key").write_bytes(served[1])
        key_pair(self.folder / "accounts.key", self.folder / "accounts.pub")
        users = {"admin": ["system:masters"], "system:kube-controller-manager": []}
        for name, groups in users.items():
            text = kubeconfig(self._server, self._authority.pem, certificate_user(*self._authority.issue(name, groups)))
            path = self.folder / f"{name.removeprefix('system:kube-')}.kubeconfig"
            path.write_text(text)
            path.chmod(0o600)

    def _etcd_command(self, peers: str) -> list[str | Path]:
        return [
            self._bin / "etcd",
            f"--data-dir={self.folder}/etcd",
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _apiserver_command(self) -> list[str | Path]:
        return [
            self._bin / "kube-apiserver",
            f"--etcd-servers={self._etcd_url}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._server.rpartition(':')[2]}",
            f"--client-ca-file={self.folder}/ca.crt",
            f"--tls-cert-file={self.folder}/apiserver.crt",
            f"--tls-private-key-file={self.folder}/apiserver.key",
            f"--service-account-key-file={self.folder}/accounts.pub",
            f"--service-account-signing-key-file={self.folder}/accounts.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--endpoint-reconciler-type=none",  # a loopback address is no endpoint
            "--allow-privileged=true",
        ]

    def _manager_command(self) -> list[str | Path]:
        return [
            self._bin / "kube-controller-manager",
            f"--kubeconfig={self.folder}/controller-manager.kubeconfig",
            f"--service-account-private-key-file={self.folder}/accounts.key",
            f"--root-ca-file={self.folder}/ca.crt",
            f"--controllers={','.join(CONTROLLERS)}",
            "--use-service-account-credentials=true",  # without it Jobs never complete
            "--kube-api-qps=500",  # the default of 20 a second makes everything slow
            "--kube-api-burst=1000",
            "--leader-elect=false",
            "--secure-port=0",
        ]
