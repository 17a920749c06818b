"""The command line: which commands there are, and how the process ends when one fails."""

import importlib
import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any

if sys.argv[1:2] == ["job"]:  # process 1 of a pod only gets a SIGTERM that it handles or blocks
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

import click

from rostersync import __version__
from rostersync.errors import RostersyncError
from rostersync.execution import options
from rostersync.execution.failures import attempt_exit, frames, is_permanent, told
from rostersync.execution.interruption import Terminated
from rostersync.local.commands.apply import apply
from rostersync.local.commands.approve import approve
from rostersync.local.commands.backup import backup
from rostersync.local.commands.check import check
from rostersync.local.commands.compact import compact
from rostersync.local.commands.crds import crds
from rostersync.local.commands.deliver import deliver
from rostersync.local.commands.deliveries import deliveries
from rostersync.local.commands.diff import diff
from rostersync.local.commands.export import export
from rostersync.local.commands.forget import forget
from rostersync.local.commands.issues import issues
from rostersync.local.commands.options import STATE
from rostersync.local.commands.plan import plan
from rostersync.local.commands.reject import reject
from rostersync.local.commands.restore import restore
from rostersync.local.commands.run import run
from rostersync.local.commands.runs import runs
from rostersync.local.commands.show import show
from rostersync.local.commands.store import store
from rostersync.local.commands.verify import verify
from rostersync.local.commands.version import version
from rostersync.render.sections import Sectioned

ATTEMPT_COMMANDS = ("plan", "apply")  # their exit code says whether trying again can help
LATER = {  # imported when they are asked for; `job` is for the operator's pods, and in no section of the help
    "job": "rostersync.jobs.command:job",
    "operator": "rostersync.controller.command:operator",
    "simulate": "rostersync.simulator.command:simulate",
}
SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Import": ("check", "run", "plan", "apply", "restore"),
    "Look and decide": ("runs", "show", "diff", "issues", "approve", "reject", "verify"),
    "Deliver": ("deliver", "deliveries"),
    "The store": ("export", "forget", "backup", "compact", "store"),
    "More": ("simulate", "operator", "crds", "version"),
}


class Commands(Sectioned):
    """The commands in sections. Every error ends in one place."""

    sections = SECTIONS

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by name. Those of LATER are imported now."""
        if cmd_name in LATER:
            module, name = LATER[cmd_name].split(":")
            return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Its errors become one sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except Terminated:
            _say(ctx, "Terminated", "Ended by SIGTERM; the store is whole, run the same command again.", None)
            ctx.exit(143)
        except KeyboardInterrupt:
            _say(ctx, "Interrupted", "Interrupted; the store is whole, run the same command again.", None)
            ctx.exit(130)
        except RostersyncError as error:
            _say(ctx, error.reason, str(error), error)
            ctx.exit(attempt_exit(is_permanent(error)) if ctx.invoked_subcommand in ATTEMPT_COMMANDS else 1)
        except BrokenPipeError:
            # The reader has seen enough (`diff | head`). What is left to write must not fail at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # noqa: BLE001  (its text may hold records and must not reach the terminal)
            said = _spoiled(ctx) or told(error, str(ctx.invoked_subcommand), None)
            _say(ctx, said.reason, str(said), error)
            ctx.exit(1)


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="""\b
Try it without a school, in a clone of the repository:
  rostersync simulate --students 500 &
  rostersync run -f deploy/demo""",
)
@click.version_option(__version__, prog_name="rostersync")
@options.debug_option
def cli() -> None:
    """Import a school district's roster from its SIS, such as Focus: complete, explained, approved.

    A run reads the district from its OneRoster API, compares it with the store of accepted records, and applies what
    changed. A run that would change too much is held until a person has looked at it.
    """


for command in (
    check,
    run,
    plan,
    apply,
    restore,
    runs,
    show,
    diff,
    issues,
    approve,
    reject,
    verify,
    deliver,
    deliveries,
    export,
    forget,
    backup,
    compact,
    store,
    crds,
    version,
):
    cli.add_command(command)


def main() -> None:
    """The entry point."""
    _keep_no_core()
    _hush()
    cli(prog_name="rostersync")


def _say(ctx: click.Context, reason: str, message: str, error: BaseException | None) -> None:
    """An error on standard error: a sentence for a terminal, a JSON line elsewhere."""
    if sys.stderr.isatty():
        click.secho("Error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(message, err=True)
    else:
        from rostersync.execution.progress import log

        log("error", reason=reason, message=message)
    if error is not None and ctx.meta.get(options.DEBUG):
        click.echo(frames(error), err=True)


def _spoiled(ctx: click.Context) -> RostersyncError | None:
    """What is wrong with the state folder's own files, if an error that nobody foresaw may come from them."""
    if STATE not in ctx.meta:
        return None
    from rostersync.local.spoiled import first

    return first(ctx.meta[STATE])


def _keep_no_core() -> None:
    """Forbid core dumps of this process and those that it starts, since their memory holds records and credentials."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    if most != 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _hush() -> None:
    """Silence other packages: their logs and tracebacks may hold records or tokens."""
    logging.lastResort = None
    for name in ("httpx", "httpcore", "stamina", "oauthlib"):
        logging.getLogger(name).disabled = True
    threading.excepthook = lambda args: None
    sys.unraisablehook = lambda args: None


if __name__ == "__main__":
    main()
