"""The manifests of a local run: the YAML that Kubernetes takes, read from files."""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from rostersync.api import kinds
from rostersync.api.explain import problems
from rostersync.api.kinds import KINDS, RUN, Ref, connection_model
from rostersync.api.v1alpha1 import API_VERSION
from rostersync.api.v1alpha1.attributes import SHOWN
from rostersync.api.v1alpha1.connection import Connection
from rostersync.api.v1alpha1.syncrun import SyncRun
from rostersync.errors import InvalidManifest
from rostersync.execution.inputs import Inputs
from rostersync.local.documents import Document, read

ENV_CONNECTION = "ROSTERSYNC_CONNECTION"
ENV_STORE_SECRETS = "ROSTERSYNC_STORE_SECRETS"
BY_ENVIRONMENT = f"name the file or folder that has it in {ENV_STORE_SECRETS}"  # what a command without -f says

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Manifests(Inputs):
    """What a local run is made from: the inputs of its attempts, and the SyncRun, where one is given."""

    remedy: str = "add its manifest with -f"
    run: SyncRun | None = None
    skipped: tuple[str, ...] = ()  # a sentence for each skipped document of a folder


@dataclass(frozen=True)
class _Keyed:
    """A Secret or ConfigMap."""

    namespace: str | None
    name: str
    data: dict[str, str] = field(repr=False)
    file: Path


def load(paths: Sequence[Path], env: Mapping[str, str]) -> Manifests:
    """The manifests in these files and folders (not in subfolders).

    Foreign kinds are skipped in a folder, and refused in a file that is named. One connection is needed. If there are
    several, the SyncRun's connectionRef or ROSTERSYNC_CONNECTION chooses one. Raises InvalidManifest that names file,
    document, line and field.
    """
    connections: list[tuple[Document, Connection]] = []
    runs: list[tuple[Document, SyncRun]] = []
    secrets: list[_Keyed] = []
    config_maps: list[_Keyed] = []
    skipped: list[str] = []
    for document, of_folder in _documents(paths):
        if of_folder and (other := _of_others(document)):
            skipped.append(other)
            continue
        kind = _kind(document)
        if kind in KINDS and KINDS[kind].is_connection:
            connections.append((document, _validated(document, connection_model(document.value))))
        elif kind == RUN.name:
            runs.append((document, _validated(document, SyncRun)))
        elif kind == "Secret":
            secrets.append(_keyed(document, {"data": _from_base64, "stringData": _as_is}))
        else:
            config_maps.append(_keyed(document, {"data": _as_is}, ignored=("binaryData",)))
    run = _only_run(runs)
    connection = _chosen(connections, run, env)
    found = run[1] if run else None
    return Manifests(
        connection,
        _by_name(secrets, connection, "Secret"),
        _by_name(config_maps, connection, "ConfigMap"),
        {f"{s.namespace}/{s.name}" if s.namespace else s.name: str(s.file) for s in secrets},
        run=found,
        skipped=tuple(skipped),
    )


def ref_of(manifests: Inputs) -> Ref:
    """The connection that the manifests are about."""
    return Ref(manifests.connection.kind, manifests.connection.metadata.name)


def store_secrets(env: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The Secrets in the file or folder that the environment names: of the store, and for commands without manifests of
    deliveries, too."""
    path = env.get(ENV_STORE_SECRETS)
    if not path:
        return {}
    found: dict[str, dict[str, str]] = {}
    for document, _ in _documents([Path(path)]):
        if isinstance(document.value, dict) and document.value.get("kind") == "Secret":
            secret = _keyed(document, {"data": _from_base64, "stringData": _as_is})
            found[secret.name] = secret.data
    return found


def _documents(paths: Sequence[Path]) -> Iterator[tuple[Document, bool]]:
    """Every document, and whether it was found in a folder instead of being named."""
    if not paths:
        raise InvalidManifest("no manifest is given; name a file or folder with -f")
    for path in paths:
        if path.is_dir():
            files = sorted(f for f in path.iterdir() if f.suffix in (".yaml", ".yml", ".json") and f.is_file())
            if not files:
                raise InvalidManifest(f"{path} holds no file that ends in .yaml, .yml or .json")
        elif path.exists():
            files = [path]
        else:
            raise InvalidManifest(f"{path} does not exist; check the path given with -f")
        for file in files:
            yield from ((document, path.is_dir()) for document in read(file))


def _of_others(document: Document) -> str | None:
    """Why a document is skipped: its kind and group are foreign, such as Kubernetes' own. None for ours."""
    value = document.value
    kind, version = (value.get("kind"), value.get("apiVersion")) if isinstance(value, dict) else (None, None)
    if not isinstance(kind, str) or not isinstance(version, str) or kind in _api_versions():
        return None
    if version.split("/")[0] == API_VERSION.split("/")[0]:
        return None
    named = f" {kind}" if SHOWN.fullmatch(kind) else ""
    return f"{document.where} is skipped: its kind{named} is not read here."


def _api_versions() -> dict[str, str]:
    """The kinds that a local run reads, with their API version."""
    ours = [kind.name for kind in (*kinds.connections(), RUN)]
    return {**dict.fromkeys(ours, API_VERSION), "Secret": "v1", "ConfigMap": "v1"}


def _kind(document: Document) -> str:
    """The kind, when it is one that a local run reads in its API version."""
    value = document.value
    if not isinstance(value, dict):
        raise InvalidManifest(f"{document.where}: is not an object; it needs apiVersion, kind, metadata and spec")
    versions = _api_versions()
    kind, known = value.get("kind"), ", ".join(versions)
    if kind is None:
        raise InvalidManifest(f"{document.where}: kind is required; one of {known}")
    if not isinstance(kind, str) or kind not in versions:
        named = f" {kind}" if isinstance(kind, str) and SHOWN.fullmatch(kind) else ""
        raise InvalidManifest(f"{document.where}: kind{named} is not read here; allowed: {known}")
    if value.get("apiVersion") != versions[kind]:
        raise InvalidManifest(f"{document.where}: apiVersion of kind {kind} must be {versions[kind]}")
    return kind


def _validated(document: Document, model: type[M]) -> M:
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        lines = [f"line {document.line(p.location)}: {p}" for p in problems(error, model)]
    # raised outside of the except block, since the cause would print the inputs
    raise InvalidManifest(f"{document.where} is not a valid {model.__name__}:\n  " + "\n  ".join(lines))


def _as_is(text: str) -> str:
    return text


def _from_base64(text: str) -> str:
    return base64.b64decode("".join(text.split()), validate=True).decode("utf-8")


def _keyed(document: Document, parts: Mapping[str, Callable[[str], str]], ignored: tuple[str, ...] = ()) -> _Keyed:
    """A Secret's or ConfigMap's texts by key. Messages name keys, never values."""
    value: dict[str, Any] = document.value
    kind = value["kind"]
    metadata = value.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        raise InvalidManifest(f"{document.where}: metadata.name of the {kind} is required")
    allowed = ("apiVersion", "kind", "metadata", "type", "immutable", *parts, *ignored)
    for name in value:
        if name not in allowed:
            raise InvalidManifest(
                f"{document.where}, line {document.line((name,))}: a field that a {kind} does not have; allowed: "
                f"{', '.join(allowed)}"
            )
    data: dict[str, str] = {}
    for part, decode in parts.items():
        entries = value.get(part) or {}
        if not isinstance(entries, dict):
            raise InvalidManifest(f"{document.where}: {part} of the {kind} must be a mapping of keys to text")
        for key, text in entries.items():
            where = f"{document.where}, line {document.line((part, key))}: {part} of the {kind}"
            if not isinstance(text, str):
                raise InvalidManifest(f"{where} holds something other than text; put it in quotes")
            try:
                data[key] = decode(text)
                if "\0" in data[key]:
                    raise InvalidManifest(f"{where} holds a NUL character; take it out")
            except (binascii.Error, ValueError):
                raise InvalidManifest(
                    f"{where} must be base64 of UTF-8 text; or use stringData for text as it is"
                ) from None
    namespace = metadata.get("namespace")
    return _Keyed(namespace if isinstance(namespace, str) else None, metadata["name"], data, document.file)


def _only_run(runs: Sequence[tuple[Document, SyncRun]]) -> tuple[Document, SyncRun] | None:
    if len(runs) > 1:
        places = ", ".join(document.where for document, _ in runs)
        raise InvalidManifest(f"several SyncRuns are given ({places}); give one")
    return runs[0] if runs else None


def _chosen(
    connections: Sequence[tuple[Document, Connection]], run: tuple[Document, SyncRun] | None, env: Mapping[str, str]
) -> Connection:
    """The connection to use: the one that the run or the environment names, else the only one."""
    any_kind = " or ".join(kind.name for kind in kinds.connections())
    if not connections:
        raise InvalidManifest(f"no {any_kind} is among the manifests; add one with -f")
    wanted, by = None, ""
    if run:
        document, asked = run
        wanted = Ref(asked.spec.connectionRef.kind, asked.spec.connectionRef.name)
        by = f"connectionRef of the SyncRun in {document.where}"
    elif env.get(ENV_CONNECTION):
        wanted, by = Ref.parse(env[ENV_CONNECTION]), ENV_CONNECTION
    there = [(Ref(c.kind, c.metadata.name), document, c) for document, c in connections]
    found = [(ref, document, c) for ref, document, c in there if wanted in (None, ref)]
    if not found:
        listed = ", ".join(f"{ref.key} ({document.where})" for ref, document, _ in there)
        raise InvalidManifest(f"{by} names {wanted}, which is not among the manifests; there are: {listed}")
    if len(found) > 1:
        places = ", ".join(document.where for _, document, _ in found)
        names = sorted({ref.key for ref, _, _ in found})
        if len(names) == 1:
            raise InvalidManifest(
                f"{found[0][0]} is given {len(found)} times ({places}); give only one of them with -f"
            )
        raise InvalidManifest(
            f"several {any_kind}s are given ({places}); give only one with -f, or choose one of {', '.join(names)} with "
            f"{ENV_CONNECTION} or the connectionRef of a SyncRun"
        )
    return found[0][2]


def _by_name(objects: Sequence[_Keyed], connection: Connection, kind: str) -> dict[str, dict[str, str]]:
    """Name -> data of the objects in the connection's namespace. An object without namespace counts as one of them."""
    namespace = connection.metadata.namespace
    result: dict[str, dict[str, str]] = {}
    for item in objects:
        if namespace is not None and item.namespace not in (None, namespace):
            continue
        if item.name in result:
            files = " and ".join(dict.fromkeys(str(o.file) for o in objects if o.name == item.name))
            raise InvalidManifest(f"{kind} {item.name} is given twice ({files}); keep one of them")
        result[item.name] = item.data
    return result
