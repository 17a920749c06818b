"""Restores: a run that takes back what an earlier run changed, from the store alone."""

import os
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from rostersync.api.kinds import Ref
from rostersync.api.v1alpha1 import defaults
from rostersync.api.v1alpha1.connection import Connection as Manifest
from rostersync.errors import DiskFull, Permanent, RostersyncError
from rostersync.execution import inputs
from rostersync.execution.inputs import Inputs
from rostersync.execution.supported import supported
from rostersync.execution.workspace import stored_connection
from rostersync.lifecycle.configured import connection_of
from rostersync.lifecycle.outcomes import changed_the_store, succeeded_reason
from rostersync.local import drive
from rostersync.local.attempts import LocalAttempts
from rostersync.local.drive import Driver
from rostersync.local.manifest_files import BY_ENVIRONMENT, store_secrets
from rostersync.local.settling import afterwards
from rostersync.local.state import State, is_name
from rostersync.local.store import opened, store_of
from rostersync.local.user import user
from rostersync.model import Entity, Mode
from rostersync.sources.registry import profile_of
from rostersync.stores.kind import Opening
from rostersync.stores.registry import open_store
from rostersync.sync.restore.schools import lay_out_schools


def inputs_of(state: State, name: str, given: Inputs | None) -> Inputs:
    """The connection of the run `name`, as `given` or as its newest run was planned with. It needs no credentials.

    Raises Permanent when nothing of that run can be taken back, and InvalidManifest for a missing key of artifacts.
    """
    found = given or Inputs(_connection(state, name), remedy=BY_ENVIRONMENT)
    inputs.artifact_key(found.connection, found.secrets, os.environ)
    return found


def check_schools(state: State, inputs: Inputs, schools: Collection[str]) -> None:
    """Refuse schools that the roster never had, before there is a run. Raises Permanent (UnknownSchool)."""
    manifest = inputs.connection
    secrets = {**store_secrets(os.environ), **inputs.secrets}
    store = open_store(manifest.spec.store, Opening(state.layout.store, secrets=secrets, remedy=inputs.remedy))
    if not schools or not store.exists():
        return
    with opened(state, store) as con:
        district = defaults.district(manifest)
        store.reader().attach(con, district, profile_of(manifest).source_id(manifest))
        try:
            lay_out_schools(con, district, schools, names=True)
        except Permanent as error:
            every = "All schools of the roster are in orgs.csv of `rostersync export`, those of the source in `rostersync check`."
            raise Permanent(f"{error} {every}", reason=error.reason) from None


def restore(
    state: State,
    name: str,
    entities: Collection[Entity],
    schools: Collection[str],
    reason: str,
    attempts: LocalAttempts,
    manifest: Manifest,
) -> dict[str, Any]:
    """Begin a run that takes back what the run `name` changed, and take it as far as it can go now: until it is held."""
    connection = connection_of(manifest, supported())
    with state.lock(connection.ref.key):
        state.make_private()
        driver = Driver(state, connection, attempts)
        driver.settle_others()
        driver.resume()
        spec: dict[str, Any] = {
            "connectionRef": connection.ref.as_dict(),
            "mode": Mode.RESTORE.value,
            "restoreOf": name,
            "requestedBy": user(),
        }
        narrowed = {"entities": [e.value for e in entities], "schools": [*schools], "reason": reason.strip()}
        spec |= {key: value for key, value in narrowed.items() if value}
        run = state.create(connection.ref, manifest.metadata.namespace, spec, None, drive.now_utc())
        try:
            run = driver.advance(run)
        except BaseException:
            with suppress(DiskFull):  # the next command does it
                driver.settle(state.run(run["metadata"]["name"]))
            raise
        with afterwards():
            driver.settle_others(run)
            history = manifest.spec.history.runs
            state.prune(connection.ref.key, history.successful, history.failed)
        return run


def _connection(state: State, name: str) -> Manifest:
    """The manifest of the run's connection. The run itself may be gone, as long as the store knows it."""
    run = state.find(name) if is_name(name) else None
    if run is None:
        return _known_to_the_store(state, name)
    status = run.get("status") or {}
    if not changed_the_store(status):
        raise Permanent(
            f"Run {name} is {status.get('outcome') or succeeded_reason(status) or 'not planned yet'}: it changed nothing, so there is nothing to "
            "restore. `rostersync runs` says which runs were applied.",
            reason="NotApplied",
        )
    for other in (run, *state.runs(Ref.of(run["spec"]["connectionRef"]).key)):
        with suppress(Permanent):
            return stored_connection(state.layout.folder(other["metadata"]["name"]))
    raise Permanent(
        f"No artifacts of a run of {Ref.of(run['spec']['connectionRef'])} are left that have its manifest; give it with -f.",
        reason="NoManifests",
    )


def _known_to_the_store(state: State, name: str) -> Manifest:
    """The manifest of the connection whose source has a revision of a run that is gone. Raises Permanent (UnknownRun)."""
    for key in dict.fromkeys(Ref.of(r["spec"]["connectionRef"]).key for r in state.runs()):
        for other in state.runs(key):
            with suppress(RostersyncError):
                manifest = stored_connection(state.layout.folder(other["metadata"]["name"]))
                if _has_revision(state, other["metadata"]["name"], manifest, name):
                    return manifest
                break
    state.run(name)  # raises, and names the newest runs
    raise AssertionError("the run was not there a moment ago")


def _has_revision(state: State, of: str, manifest: Manifest, name: str) -> bool:
    store, source = store_of(state, of), profile_of(manifest).source_id(manifest)
    if not store.exists():
        return False
    with opened(state, store) as con:
        district = defaults.district(manifest)
        store.reader().attach(con, district, source)
        return any(r.source == source for r in store.reader().revisions(con, district, name))
