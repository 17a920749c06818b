"""run, plan, apply: imports and their halves."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rostersync.api.kinds import Ref
from rostersync.execution import options
from rostersync.execution.interruption import interruptible
from rostersync.local.commands import common

if TYPE_CHECKING:
    from rostersync.local.attempts import LocalAttempts
    from rostersync.local.manifests import Manifests
    from rostersync.local.state import State


@click.command(
    epilog="""\b
Examples:
  rostersync run -f connection.yaml -f secret.yaml
  rostersync run -f manifests/ --dry-run
  rostersync run -f connection.yaml --output json | jq .status.totals

\b
Exit codes: 0 applied, or nothing to do; 3 held, a person must decide; 1 failed."""
)
@common.manifests_option
@click.option("--dry-run", is_flag=True, help="Plan only, and say what would be held; nothing is changed.")
@common.state_option
@common.output_option("table", "json", "yaml")
@common.quiet_option
@options.engine_options
@options.debug_option
def run(
    paths: tuple[Path, ...], dry_run: bool, state: "State", output: str, quiet: bool, memory: int | None,
    threads: int | None,
) -> None:  # fmt: skip
    """Import a district: read the source, compare it with the store, and apply, or stop for a decision.

    Reads the same manifests as Kubernetes: a FocusConnection, if wanted a SyncRun, and for the credentials a Secret
    (or ROSTERSYNC_CLIENT_ID and ROSTERSYNC_CLIENT_SECRET). What would change too much is held until someone approves
    it: the store stays as it is.
    """
    manifests = _manifests(paths)
    with interruptible(), _progress(quiet) as progress:
        attempts = _attempts(state, progress, manifests, None, memory, threads)
        done = _import(state, manifests, attempts, "DryRun" if dry_run else None, may_apply=True)
    _finish(done, attempts, output)


@click.command(
    epilog="""\b
Example:
  rostersync plan -f connection.yaml -f secret.yaml --report plan.json
  rostersync apply RUN --report apply.json

\b
Exit codes: 0 planned, also when held; 42 fails until something is changed; 1 may go through later."""
)
@common.manifests_option
@click.option("--run", "name", metavar="NAME", help="The run's name; default from the manifests, or made up.")
@common.report_option
@common.state_option
@common.output_option("json", "table", "yaml")
@common.quiet_option
@options.engine_options
@options.debug_option
def plan(
    paths: tuple[Path, ...], name: str | None, report: Path | None, state: "State", output: str, quiet: bool,
    memory: int | None, threads: int | None,
) -> None:  # fmt: skip
    """The first half of run: read the source and freeze a plan; nothing is applied.

    Prints the plan's report as JSON, or the run (table, yaml).
    """
    manifests = _manifests(paths)
    with interruptible(), _progress(quiet) as progress:
        attempts = _attempts(state, progress, manifests, report, memory, threads)
        done = _import(state, manifests, attempts, None, may_apply=False, name=name)
    _finish_half(done, attempts, output, planned=True)


@click.command(
    epilog="""\b
Examples:
  rostersync apply springfield-20261124t020709
  rostersync apply --plan sha256:3f1c… --approved-by dana --reason "end of term"

\b
Exit codes: 0 applied; 3 nobody has approved it yet; 42 fails until something is changed; 1 may go through later."""
)
@click.argument("name", metavar="[RUN]", required=False)
@click.option(
    "--plan", "digest", metavar="DIGEST", help="The plan by its digest, without asking for an approval object."
)
@click.option("--approved-by", metavar="NAME", help="With --plan: who approved a plan with holds.")
@click.option("--approval-uid", metavar="UID", help="With --plan: the SyncApproval that says so.")
@click.option("--reason", default="", metavar="TEXT", help="With --plan: why it was approved.")
@common.report_option
@common.state_option
@common.output_option("json", "table", "yaml")
@common.quiet_option
@options.engine_options
@options.debug_option
def apply(
    name: str | None, digest: str | None, approved_by: str | None, approval_uid: str | None, reason: str,
    report: Path | None, state: "State", output: str, quiet: bool, memory: int | None, threads: int | None,
) -> None:  # fmt: skip
    """The second half of run: write a plan to the store, in one transaction, exactly as it was seen.

    A plan with holds is applied only with an approval. Applying a plan twice is once.
    """
    if (name is None) == (digest is None):
        raise click.UsageError("Give either a RUN or --plan DIGEST.")
    with interruptible(), _progress(quiet) as progress:
        attempts = _attempts(state, progress, None, report, memory, threads)
        if digest is not None:
            _apply_plan(state, attempts, digest, approved_by, approval_uid, reason)
            done = None
        else:
            done = apply_run(state, state.run(str(name)), attempts)
            if attempts.written is None:
                attempts.say_standing(done)
    _finish_half(done, attempts, output, planned=False)


def apply_run(state: "State", run: dict[str, Any], attempts: "LocalAttempts") -> dict[str, Any]:
    """Take a planned run on: apply it if it may be, and settle the others of its connection."""
    from rostersync.local.drive import Driver

    connection = common.known_connection(state, Ref.of(run["spec"]["connectionRef"]))
    with state.lock(connection.ref.key):
        driver = Driver(state, connection, attempts)
        try:
            return driver.advance(state.run(run["metadata"]["name"]))
        finally:
            with common.afterwards():
                driver.settle_others()


def local_attempts(state: "State", progress: Any) -> "LocalAttempts":
    """Halves for commands that take no manifests."""
    return _attempts(state, progress, None, None, None, None)


def _import(
    state: "State", manifests: "Manifests", attempts: "LocalAttempts", mode: str | None, *, may_apply: bool,
    name: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    from rostersync.errors import DiskFull, NotYetSupported, Permanent
    from rostersync.lifecycle.configured import connection_of
    from rostersync.lifecycle.outcomes import succeeded_reason
    from rostersync.local.drive import Driver, now_utc

    connection = connection_of(manifests.connection)
    asked = manifests.run
    if not connection.terms_accepted:
        raise Permanent(
            f"The terms of use are not accepted: set spec.termsOfUse.accepted: true in "
            f"{connection.ref} (which also accepts the privacy policy); nothing was read.",
            reason="TermsNotAccepted",
        )
    if connection.problem:
        raise NotYetSupported(f"{connection.ref}: {connection.problem[1]}")
    with state.lock(connection.ref.key):
        state.make_private()
        name = name or (asked.metadata.name if asked else None) or None
        driver = Driver(state, connection, attempts, again=name)
        driver.settle_others(state.find(name) if name else None)
        driver.resume()
        run = state.find(name) if name else None
        if run is not None and (run.get("status") or {}).get("outcome"):
            common.note(
                f"Run {name} has ended ({succeeded_reason(run['status'])}); a finished run is never started again. "
                "Give the SyncRun another name, or leave it out."
            )
            return run
        if run is None:
            wanted = mode or (asked.spec.mode if asked else "Import")
            spec = {"connectionRef": connection.ref.as_dict(), "mode": wanted, "requestedBy": common.user()}
            if asked and asked.spec.reason:
                spec["reason"] = asked.spec.reason
            run = state.create(connection.ref, manifests.connection.metadata.namespace, spec, name, now_utc())
        try:
            run = driver.advance(run, may_apply)
        except BaseException:
            if name is None:  # a run that was given a name can be asked for again, and goes on from what it has read
                with suppress(DiskFull):  # then the next command does it
                    driver.settle(state.run(run["metadata"]["name"]))
            raise
        with common.afterwards():
            driver.settle_others(run)
            history = manifests.connection.spec.history.runs
            state.prune(connection.ref.key, history.successful, history.failed)
        return run


def _apply_plan(
    state: "State", attempts: "LocalAttempts", digest: str, approved_by: str | None, uid: str | None, reason: str
) -> None:
    """The bare half: a plan by its digest, its consent by word. What fails here is no end of the run."""
    from rostersync.lifecycle.steps import StartApply
    from rostersync.local.drive import Driver
    from rostersync.local.observe import number_of_tries, run_of_plan
    from rostersync.model import Consent

    name = run_of_plan(state, digest)
    consent = Consent(approved_by, digest, reason, uid) if approved_by else None
    run = state.find(name)
    connection = common.known_connection(state, Ref.of(run["spec"]["connectionRef"]) if run else Ref.parse(name))
    with state.lock(connection.ref.key):
        plans, applies = number_of_tries(state, name)
        attempts.apply({"metadata": {"name": name}}, StartApply(digest, consent, applies + 1), plans)
        if attempts.error and attempts.written:
            attempts.written.forget()
        elif run:
            driver = Driver(state, connection, None)
            with common.afterwards():
                driver.settle(run)
                driver.settle_others(run)


def _manifests(paths: tuple[Path, ...]) -> "Manifests":
    from rostersync.api.v1alpha1.support import run_not_yet_supported, run_refusal
    from rostersync.errors import NotYetSupported
    from rostersync.execution import inputs

    loaded = common.read_manifests(paths)
    later = run_not_yet_supported(loaded.run) if loaded.run else []
    if later:
        raise NotYetSupported(run_refusal(later))
    inputs.credentials(loaded, os.environ)  # missing ones are said before anything is begun
    inputs.ca_bundle(loaded)
    inputs.artifact_key(loaded.connection, loaded.secrets, os.environ)
    return loaded


def _attempts(
    state: "State", progress: Any, manifests: "Manifests | None", report: Path | None, memory: int | None,
    threads: int | None,
) -> "LocalAttempts":  # fmt: skip
    from rostersync.execution.execution import Engine
    from rostersync.local.attempts import LocalAttempts

    return LocalAttempts(
        state,
        progress,
        inputs=manifests,
        env=os.environ,
        report=report,
        engine=Engine(options.bytes_of(memory), threads),
    )


def _progress(quiet: bool) -> Any:
    from rostersync.execution.progress import shown

    return shown(quiet)


def _finish(run: dict[str, Any], attempts: "LocalAttempts", output: str) -> None:
    """Print the run and leave with the exit code of how it stands."""
    from rostersync.lifecycle.outcomes import exit_code

    status = run.get("status") or {}
    if output != "table" or not attempts.error:
        common.show_run(attempts.state, run, output)
    if attempts.error:
        raise attempts.error
    raise SystemExit(exit_code(status))


def _finish_half(run: dict[str, Any] | None, attempts: "LocalAttempts", output: str, *, planned: bool) -> None:
    """As `_finish`, with the exit codes of plan and apply."""
    from rostersync.lifecycle.outcomes import exit_code
    from rostersync.render.objects import dump

    if output == "json":
        click.echo(attempts.report() or dump(run or {}, output).rstrip())
    elif run:
        common.show_run(attempts.state, run, output)
    if attempts.error:
        raise attempts.error
    if run is None:
        return
    status = run.get("status") or {}
    if not (planned and status.get("plan") and status.get("outcome") in (None, "SameAsHeld")):
        raise SystemExit(exit_code(status))
