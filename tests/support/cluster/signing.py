"""Client certificates signed by a cluster itself, whichever it is."""

import base64
import time

import httpx

_PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests"


def signed(client: httpx.Client, wanted: bytes, seconds: float = 30) -> bytes:
    """The certificate (PEM) for a signing request (PEM), which this approves; the client must be the administrator's."""
    spec = {
        "request": base64.b64encode(wanted).decode(),
        "signerName": "kubernetes.io/kube-apiserver-client",
        "usages": ["client auth"],
        "expirationSeconds": 86400,
    }
    body = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"generateName": "test-"},
    }
    made = client.post(_PATH, json=body | {"spec": spec}).raise_for_status().json()
    own = f"{_PATH}/{made['metadata']['name']}"
    try:
        approved = {"type": "Approved", "status": "True", "reason": "ByATest", "message": "a user of a test"}
        client.put(f"{own}/approval", json=made | {"status": {"conditions": [approved]}}).raise_for_status()
        end = time.monotonic() + seconds
        while not (certificate := client.get(own).raise_for_status().json()["status"].get("certificate")):
            if time.monotonic() > end:
                raise RuntimeError(f"the cluster signs no client certificate within {seconds} s")
            time.sleep(0.05)
        return base64.b64decode(certificate)
    finally:
        client.delete(own)
