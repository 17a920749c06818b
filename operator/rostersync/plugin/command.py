"""kubectl roster: its commands, and how the process ends when one fails."""

import sys
from collections.abc import Mapping
from typing import Any

import click

from rostersync import __version__
from rostersync.api.kinds import plurals
from rostersync.errors import RostersyncError
from rostersync.plugin import options
from rostersync.plugin.commands.approve import approve
from rostersync.plugin.commands.cancel import cancel
from rostersync.plugin.commands.check import check
from rostersync.plugin.commands.deliver import deliver
from rostersync.plugin.commands.deliveries import deliveries
from rostersync.plugin.commands.reject import reject
from rostersync.plugin.commands.restore import restore
from rostersync.plugin.commands.resume import resume
from rostersync.plugin.commands.run import run
from rostersync.plugin.commands.runs import runs
from rostersync.plugin.commands.show import show
from rostersync.plugin.commands.suspend import suspend
from rostersync.plugin.watch import Stopped
from rostersync.render.sections import Sectioned

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Import": ("check", "run", "restore", "cancel", "suspend", "resume"),
    "Look and decide": ("runs", "show", "approve", "reject"),
    "Deliver": ("deliver", "deliveries"),
}
ELSEWHERE = ("diff", "issues", "export", "forget", "backup", "compact", "plan", "apply", "verify")
INTERRUPTED = 130


class Commands(Sectioned):
    """The commands in sections. Every error ends in one place."""

    sections = SECTIONS

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command. For commands that only exist locally, the error says why."""
        if args and args[0] in ELSEWHERE:
            raise click.UsageError(
                f"There is no `kubectl roster {args[0]}`: single records stay in the store and in the runs' artifacts, "
                "out of the cluster's reach. `kubectl roster show` has counts, holds, causes, issues and schools."
            )
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Its errors become one sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except Stopped as error:
            click.echo(str(error), err=True)
            ctx.exit(INTERRUPTED)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)
        except RostersyncError as error:
            _say(str(error))
            ctx.exit(1)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if ctx.meta.get(options.DEBUG):
                raise
            _say(f"kubectl roster failed unexpectedly ({type(error).__name__}); see --debug.")
            ctx.exit(1)


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=f"""\b
Examples:
  kubectl roster runs -A
  kubectl roster run springfield -n rosters
  kubectl roster approve RUN --reason "End of term: these students have left"

\b
Plain kubectl shows the same objects: kubectl get {",".join(plurals())}""",
)
@click.version_option(__version__, prog_name="kubectl roster")
@options.cluster_options
def cli() -> None:
    """Import school districts' rosters on a cluster: request a run, see why it is held, decide.

    Needs the rostersync operator on the cluster. Single records stay out of the cluster's reach: this shows counts,
    reasons and schools.
    """


for command in (check, run, restore, cancel, suspend, resume, runs, show, approve, reject, deliver, deliveries):
    cli.add_command(command)


def main() -> None:
    """The entry point."""
    cli(prog_name="kubectl roster")


def _say(message: str) -> None:
    from rostersync.render.words import plain

    click.secho("Error: ", fg="red", bold=True, nl=False, err=True, color=None if sys.stderr.isatty() else False)
    click.echo(plain(message), err=True)


if __name__ == "__main__":
    main()
