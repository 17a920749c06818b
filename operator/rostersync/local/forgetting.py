"""Forgetting a person in the artifacts of runs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from rostersync import durable, scratch
from rostersync.api.kinds import Ref, key_of
from rostersync.artifacts.folder import Artifacts
from rostersync.deliveries import parts
from rostersync.disks import naming
from rostersync.errors import InvalidManifest, Permanent
from rostersync.execution.home_kind import BUCKET_FIELD
from rostersync.execution.homes import home_of
from rostersync.execution.inputs import artifact_key, artifacts_secret
from rostersync.execution.layout import Layout
from rostersync.execution.workspace import stored_connection
from rostersync.lifecycle.observed import Connection
from rostersync.lifecycle.outcomes import Outcome
from rostersync.local.drive import Driver
from rostersync.local.manifest_files import Manifests, store_secrets
from rostersync.local.observe import PERSON_FORGOTTEN
from rostersync.local.state import State


@contextmanager
def idle(state: State) -> Iterator[None]:
    """Keep every other process from working on runs. Raises StoreBusy while one does."""
    with ExitStack() as locks:
        for connection in sorted(set(map(key_of, state.runs()))):
            locks.enter_context(state.lock(connection))
        yield


def forget_artifacts(state: State, records: Sequence[str], env: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Remove the artifacts of every run that names one of the records, and cancel those of them that wait.

    Returns all these runs, and those that were cancelled. They are cancelled first: were this killed in between, nothing would
    tell any more that they named the person.

    `records`: the person's ids in the store. The caller keeps runs idle.
    """
    runs, cancelled = state.runs(), list[str]()
    artifacts = Artifacts(state.layout.artifacts, _key(state, runs, env))
    place = state.root / "scratch"
    try:
        with naming(artifacts=state.layout.artifacts, scratch=place):
            found = artifacts.mentioning(_ids(state, runs, records), scratch.own(place))
            for run in runs:
                if run["metadata"]["name"] in found and not (run.get("status") or {}).get("outcome"):
                    cancelled += _cancel(state, run)
            for name in found:
                artifacts.remove(name)
        _remove_half_sent(state)
    finally:
        scratch.release(place)
    return found, cancelled


def _remove_half_sent(state: State) -> None:
    """Remove what killed deliveries left half written on the volumes of the state folder. Nobody was told of it."""
    for path in state.layout.volumes.rglob(".*"):
        if parts.is_part(path.name):
            durable.discard(path)


def _cancel(state: State, run: dict[str, Any]) -> list[str]:
    """Cancel a run that loses its details. Returns its name if that was still possible."""
    ref = Ref.of(run["spec"]["connectionRef"])
    noted = {**(run["metadata"].get("annotations") or {}), PERSON_FORGOTTEN: "true"}
    meta, spec = {**run["metadata"], "annotations": noted}, {**run["spec"], "cancel": True}
    settled = Driver(state, Connection(ref), None).settle({**run, "metadata": meta, "spec": spec})
    return [run["metadata"]["name"]] if settled["status"].get("outcome") == Outcome.CANCELLED else []


def forget_in_bucket(state: State, manifests: Manifests, records: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """Remove from the bucket of a cluster's connection every run that names one of the records. Returns these runs.

    Raises InvalidManifest when the connection has no bucket, or what it takes to open it is not given: sealed plans would
    otherwise be removed unread.
    """
    connection = manifests.connection
    kind = home_of(connection.spec.artifacts)
    if not kind.apart or connection.metadata.namespace is None:
        raise InvalidManifest(
            f"{connection.kind} {connection.metadata.name} has no {BUCKET_FIELD} or no metadata.namespace, so it is not known where the "
            "cluster keeps its artifacts; give the connection as the cluster has it, or leave -f out.",
            reason="NoBucket",
        )
    secrets = {**store_secrets(env), **manifests.secrets}
    secret, key = artifacts_secret(connection, secrets), artifact_key(connection, secrets, env)
    prefix = connection.spec.sisIDPrefix
    ids = list(dict.fromkeys(i for record in records for i in (record, record.removeprefix(prefix))))
    place = state.root / "scratch"
    try:
        own = scratch.own(place)
        with naming(scratch=place):
            home = kind.opens(Layout(own / "artifacts", state.layout.store), connection, secret, None)
            return home.forget(ids, key, own)
    finally:
        scratch.release(place)


def _ids(state: State, runs: list[dict[str, Any]], records: Sequence[str]) -> list[str]:
    """The ids in the store, and the sourcedIds that they may have come from."""
    ids = [*records]
    for run in runs:
        with suppress(Permanent):
            prefix = stored_connection(state.layout.folder(run["metadata"]["name"])).spec.sisIDPrefix
            ids += [record.removeprefix(prefix) for record in records]
    return list(dict.fromkeys(ids))


def _key(state: State, runs: list[dict[str, Any]], env: Mapping[str, str]) -> str | None:
    """The key of the artifacts, if one is known. Artifacts that it does not open are removed unread."""
    for run in runs:
        with suppress(Permanent):
            if key := artifact_key(stored_connection(state.layout.folder(run["metadata"]["name"])), {}, env):
                return key
    return None
