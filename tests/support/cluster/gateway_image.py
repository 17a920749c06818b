"""An S3 gateway as a pod: an image with nothing but versitygw, and what it takes to run it. Made once."""

import hashlib
import io
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from support.cluster.cache import cache, locked
from support.cluster.kind import KindCluster, load
from support.cluster.programs import apart
from support.gateway import BUCKET, KEY, PROGRAM

REPOSITORY = "rostersync-gateway"
NAME, PORT = "gateway", 7070
Object = dict[str, Any]


def gateway_image(cluster: KindCluster) -> str:
    """The name of the image, which the cluster's nodes have."""
    engine = cluster.engine
    if engine is None:
        raise RuntimeError(
            "a cluster that was given by its kubeconfig gets no image of a gateway: its nodes must have one"
        )
    program = apart(PROGRAM)
    name = f"{REPOSITORY}:{hashlib.sha256(str(program).encode() + Path(__file__).read_bytes()).hexdigest()[:16]}"
    with locked("gateway-image"):
        if not engine.has_image(name):
            with tempfile.NamedTemporaryFile(dir=cache(), suffix=".tar") as packed:
                _pack(program, Path(packed.name))
                engine.docker("import", packed.name, name)
            engine.drop_images(REPOSITORY, name)
    load(engine, cluster.name, name)
    return name


def _pack(program: Path, target: Path) -> None:
    with tarfile.open(target, "w") as tar:
        for folder in ("served", "meta"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry, io.BytesIO())
        entry = tarfile.TarInfo("versitygw")
        entry.size, entry.mode = program.stat().st_size, 0o755
        with program.open("rb") as file:
            tar.addfile(entry, file)


def manifests(image: str, namespace: str) -> list[Object]:
    """The gateway's pod and service, and the Secret `bucket` of those who use it."""
    meta = {"name": NAME, "namespace": namespace, "labels": {"app": NAME}}
    command = ["/versitygw", "--port", f":{PORT}", "--access", KEY["accessKeyID"], "--secret", KEY["secretAccessKey"]]
    container = {
        "name": NAME,
        "image": image,
        "command": [*command, "posix", "--sidecar", "/meta", "/served"],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 2},
        "volumeMounts": [
            {"name": "served", "mountPath": "/served"},  # which it keeps its locks in
            {"name": "bucket", "mountPath": f"/served/{BUCKET}"},
            {"name": "meta", "mountPath": "/meta"},
        ],
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    pod = {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 903,
            "fsGroup": 903,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": name, "emptyDir": {}} for name in ("served", "bucket", "meta")],
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "bucket", "namespace": namespace},
            "stringData": KEY,
        },
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": pod},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta,
            "spec": {"selector": {"app": NAME}, "ports": [{"port": PORT}]},
        },
    ]


def storage(namespace: str, path: str) -> Object:
    """An `objectStorage` that names a folder of its bucket."""
    endpoint = f"http://{NAME}.{namespace}:{PORT}"
    url = f"s3://{BUCKET}/{path}"
    return {"url": url, "endpoint": endpoint, "insecureHTTP": True, "secretRef": {"name": "bucket"}}
