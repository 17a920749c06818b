"""The servers of the cluster's demo: whole, restricted, and without a secret in the repository."""

from typing import Any

import asyncssh
import jsonschema
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from rostersync.api import crd
from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.api.v1alpha1.support import not_yet_supported
from rostersync.deliveries.sftp.host_keys import pinned
from rostersync.execution.supported import supported
from rostersync.stores.postgres.login import login
from support.cluster.servers import FOLDER, servers

MADE = servers("servers:test")
SECRETS = {s["metadata"]["name"]: s["stringData"] for s in yaml.safe_load_all(MADE.secrets)}
SERVERS = [d for text in (MADE.postgres, MADE.sftp) for d in yaml.safe_load_all(text)]
PODS = [d["spec"]["template"]["spec"] for d in SERVERS if "template" in d.get("spec", {})]


def test_the_connection_is_one_that_this_version_carries_out() -> None:
    document = yaml.safe_load(MADE.connection)
    [schema] = [
        d["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for d in map(yaml.safe_load, crd.render().values())
        if d["spec"]["names"]["kind"] == "FocusConnection"
    ]
    jsonschema.validate(document, schema)
    assert not_yet_supported(FocusConnection.model_validate(document), supported()) == []


def test_what_the_connection_says_fits_the_servers_and_their_secrets() -> None:
    spec = yaml.safe_load(MADE.connection)["spec"]
    [delivery] = spec["deliveries"]
    host = asyncssh.import_private_key(SECRETS["school-passport"]["host"])
    [key] = pinned(delivery["sftp"]["hostKey"], "school-passport")
    assert key.blob == host.public_data
    user = asyncssh.import_private_key(SECRETS[delivery["sftp"]["secretRef"]["name"]]["privateKey"])
    assert asyncssh.import_public_key(SECRETS["school-passport"]["authorized"]) == user.convert_to_public()
    names = {f"{d['metadata']['name']}.rosters" for d in SERVERS if d["kind"] == "Service"}
    for reference in ("readerSecretRef", "writerSecretRef"):
        name = spec["store"]["postgres"][reference]["name"]
        found = login(SECRETS[name], name, name)
        assert {found.parameters["host"], delivery["sftp"]["host"]} == names
        assert found.parameters["sslmode"] == "verify-full"


def test_the_databases_certificate_is_for_its_name() -> None:
    made = SECRETS["springfield-postgres"]
    certificate = x509.load_pem_x509_certificate(made["tls.crt"].encode())
    authority = x509.load_pem_x509_certificate(SECRETS["springfield-reader"]["ca.crt"].encode())
    certificate.verify_directly_issued_by(authority)
    assert certificate.public_key() == load_pem_private_key(made["tls.key"].encode(), None).public_key()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [SECRETS["springfield-reader"]["host"]]


def test_the_servers_are_restricted_and_find_what_they_mount() -> None:
    assert len(PODS) == 2
    configs = {d["metadata"]["name"] for d in SERVERS if d["kind"] == "ConfigMap"}
    for pod in PODS:
        assert pod["securityContext"]["runAsNonRoot"]
        containers: list[dict[str, Any]] = [*pod.get("initContainers", []), *pod["containers"]]
        for container in containers:
            assert container["image"] == "servers:test"
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        for volume in pod["volumes"]:
            assert volume.get("secret", {}).get("secretName", "school-passport") in SECRETS
            assert volume.get("configMap", {}).get("name", "postgres") in configs


def test_secrets_are_new_each_time_and_in_no_file() -> None:
    again = {s["metadata"]["name"]: s["stringData"] for s in yaml.safe_load_all(servers("servers:test").secrets)}
    assert again.keys() == SECRETS.keys()
    for name, key in (
        ("springfield-reader", "password"),
        ("springfield-writer", "password"),
        ("springfield-passport", "privateKey"),
        ("school-passport", "host"),
        ("springfield-postgres", "tls.key"),
    ):
        assert again[name][key] != SECRETS[name][key]
    assert SECRETS["springfield-reader"]["password"] != SECRETS["springfield-writer"]["password"]
    for file in FOLDER.iterdir():
        assert "kind: Secret" not in file.read_text()
