"""Imports: from manifests, of a planned run, and of a plan by its digest."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from rostersync.api.kinds import Ref
from rostersync.errors import DiskFull, InvalidManifest, NotYetSupported, Permanent
from rostersync.execution import inputs
from rostersync.execution.supported import supported
from rostersync.lifecycle.configured import connection_of
from rostersync.lifecycle.observed import Connection
from rostersync.lifecycle.outcomes import succeeded_reason
from rostersync.lifecycle.steps import StartApply
from rostersync.local import drive
from rostersync.local.attempts import LocalAttempts
from rostersync.local.drive import Driver
from rostersync.local.manifest_files import Manifests, store_secrets
from rostersync.local.notes import note
from rostersync.local.observe import number_of_tries, run_of_plan
from rostersync.local.settling import afterwards, known_connection
from rostersync.local.state import State
from rostersync.local.store import store_of
from rostersync.local.user import user
from rostersync.model import Consent


def import_district(
    state: State,
    manifests: Manifests,
    attempts: LocalAttempts,
    mode: str | None = None,
    *,
    schools: tuple[str, ...] = (),
    may_apply: bool = True,
    name: str | None = None,
) -> dict[str, Any]:
    """Begin a run, or continue the one of that name, and take it as far as it can go now.

    `mode`, `schools` and `name` default to those of the SyncRun in the manifests.
    """
    connection = startable(manifests)
    asked = manifests.run
    with state.lock(connection.ref.key):
        state.make_private()
        name = name or (asked.metadata.name if asked else None) or None
        driver = Driver(state, connection, attempts, again=name)
        driver.settle_others(state.find(name) if name else None)
        driver.resume()
        run = state.find(name) if name else None
        if run is not None and (run.get("status") or {}).get("outcome"):
            note(
                f"Run {name} has ended ({succeeded_reason(run['status'])}); a finished run is never started again. "
                "Give the SyncRun another name, or leave it out."
            )
            return run
        if run is None:
            wanted = mode or (asked.spec.mode if asked else "Import")
            spec = {"connectionRef": connection.ref.as_dict(), "mode": wanted, "requestedBy": user()}
            if limited := schools or (asked.spec.schools if asked else ()):
                spec["schools"] = list(limited)
            if asked and asked.spec.reason:
                spec["reason"] = asked.spec.reason
            run = state.create(connection.ref, manifests.connection.metadata.namespace, spec, name, drive.now_utc())
        try:
            run = driver.advance(run, may_apply)
        except BaseException:
            if name is None:  # a run with a given name can be requested again, and resumes from its extract
                with suppress(DiskFull):  # the next command does it
                    driver.settle(state.run(run["metadata"]["name"]))
            raise
        with afterwards():
            driver.settle_others(run)
            history = manifests.connection.spec.history.runs
            state.prune(connection.ref.key, history.successful, history.failed)
        return run


def startable(manifests: Manifests) -> Connection:
    """The connection, if its runs may start. Raises Permanent or NotYetSupported."""
    connection = connection_of(manifests.connection, supported())
    if not connection.terms_accepted:
        raise Permanent(
            f"The terms of use are not accepted: set spec.termsOfUse.accepted: true in "
            f"{connection.ref} (which also accepts the privacy policy); nothing was read.",
            reason="TermsNotAccepted",
        )
    if connection.problem:
        raise NotYetSupported(f"{connection.ref}: {connection.problem[1]}")
    return connection


def apply_run(state: State, run: dict[str, Any], attempts: LocalAttempts) -> dict[str, Any]:
    """Apply a planned run if that is allowed, and settle the others of its connection.

    Raises Permanent when the store's Secrets are missing. Then the run stays as it was.
    """
    store_of(state, run["metadata"]["name"])
    connection = known_connection(state, Ref.of(run["spec"]["connectionRef"]))
    with state.lock(connection.ref.key):
        driver = Driver(state, connection, attempts)
        try:
            return driver.advance(state.run(run["metadata"]["name"]))
        finally:
            with afterwards():
                driver.settle_others()


def apply_plan(
    state: State, attempts: LocalAttempts, digest: str, approved_by: str | None, uid: str | None, reason: str
) -> None:
    """Apply a plan by its digest, with a consent given on the command line. A failure here does not end the run."""
    name = run_of_plan(state, digest)
    store_of(state, name)  # raises when its Secrets are missing
    consent = Consent(approved_by, digest, reason, uid) if approved_by else None
    run = state.find(name)
    connection = known_connection(state, Ref.of(run["spec"]["connectionRef"]) if run else Ref.parse(name))
    with state.lock(connection.ref.key):
        plans, applies = number_of_tries(state, name)
        attempts.apply({"metadata": {"name": name}}, StartApply(digest, consent, applies + 1), plans)
        if attempts.error and attempts.written:
            attempts.written.forget()
        elif run:
            driver = Driver(state, connection, None)
            with afterwards():
                driver.settle(run)
                driver.settle_others(run)


def checked(loaded: Manifests, env: Mapping[str, str]) -> Manifests:
    """The manifests, if they are enough for a run. Raises InvalidManifest for what is missing."""
    if loaded.run and loaded.run.spec.restoreOf:
        raise InvalidManifest(
            f"SyncRun {loaded.run.metadata.name} has mode Restore, which reads no source: "
            f"`rostersync restore {loaded.run.spec.restoreOf}` does it without manifests; nothing was read."
        )
    inputs.credentials(loaded, env)  # report what is missing before anything begins
    inputs.ca_bundle(loaded)
    inputs.artifact_key(loaded.connection, loaded.secrets, env)
    inputs.store_secrets(loaded, {**store_secrets(env), **loaded.secrets})
    return loaded
