"""Options that the commands share: which cluster to use, and how to print results."""

import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rostersync.api.kinds import Ref, connections
from rostersync.errors import Permanent
from rostersync.plugin.kubeconfig import Target

if TYPE_CHECKING:
    from rostersync.plugin.cluster import Cluster
    from rostersync.render.words_to_type import Typed

F = TypeVar("F", bound=Callable[..., Any])
TARGET, DEBUG = "rostersync.target", "rostersync.debug"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")  # as Kubernetes has it
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def _keep(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        known = context.meta.get(TARGET, Target())
        context.meta[TARGET] = replace(known, **{str(parameter.name): value})


def _keep_groups(context: click.Context, _: click.Parameter, values: tuple[str, ...]) -> None:
    if values:
        known = context.meta.get(TARGET, Target())
        context.meta[TARGET] = replace(known, groups=(*known.groups, *values))


def _debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    context.meta[DEBUG] = context.meta.get(DEBUG, False) or value


def _seconds(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """`90s`, `30m`, `2h` as seconds."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+)([smh])", value)
    if not found:
        raise click.BadParameter(f"{value} is no time; write a whole number and s, m or h, such as 90s or 30m.")
    return float(int(found[1]) * _SECONDS[found[2]])


def cluster_options(function: F) -> F:
    """-n, --context, --kubeconfig, --as and --as-group, as in kubectl, and --debug; before the command's name or after
    it.
    """
    for option in (
        click.option(
            "--debug",
            is_flag=True,
            expose_value=False,
            callback=_debug,
            help="On an unexpected failure, print the whole traceback.",
        ),
        click.option(
            "--as-group",
            metavar="GROUP",
            multiple=True,
            expose_value=False,
            callback=_keep_groups,
            help="Act as a member of this group; together with --as, once for each group.",
        ),
        click.option(
            "--as",
            "user",
            metavar="USER",
            expose_value=False,
            callback=_keep,
            help="Act as this user, if you may impersonate; decisions are then recorded under that name.",
        ),
        click.option(
            "--kubeconfig",
            metavar="FILE",
            expose_value=False,
            callback=_keep,
            help="The kubeconfig; default as for kubectl: KUBECONFIG, else ~/.kube/config.",
        ),
        click.option(
            "--context",
            metavar="NAME",
            expose_value=False,
            callback=_keep,
            help="The kubeconfig's context; default: the current one.",
        ),
        click.option(
            "-n",
            "--namespace",
            metavar="NAME",
            expose_value=False,
            callback=_keep,
            help="The namespace; default: that of the context.",
        ),
    ):
        function = option(function)
    return function


def connection_argument(function: F, required: bool = True) -> F:
    """CONNECTION, as a `Ref`; the command's help says how it is written."""
    kinds = ", ".join(f"{kind.singular} ({kind.short})" for kind in connections())
    how = f"CONNECTION is NAME, or KIND/NAME as for kubectl; kinds: {kinds}."
    function.__doc__ = f"{function.__doc__}\n    {how}\n"
    shown = "CONNECTION" if required else "[CONNECTION]"
    return click.argument("connection", metavar=shown, required=required, callback=_ref)(function)


def connection_option(function: F) -> F:
    """--connection, as a `Ref`."""
    return click.option(
        "--connection",
        metavar="CONNECTION",
        callback=_ref,
        help="Without RUN: the newest run of this connection, NAME or KIND/NAME.",
    )(function)


def _ref(_: click.Context, __: click.Parameter, value: str | None) -> Ref | None:
    try:
        return Ref.parse(value) if value else None
    except Permanent as error:
        raise click.BadParameter(str(error)) from None


def run_name(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """A run's name, refused here if no object of a cluster can have it."""
    if value is not None and not (len(value) <= 253 and _NAME.fullmatch(value)):
        raise click.BadParameter(f"{value} is no name of a run; `kubectl roster runs` lists them.")
    return value


def run_or_connection(context: click.Context, parameter: click.Parameter, value: str | None) -> str | Ref | None:
    """A name, which may be a run's or a connection's; a `Ref` where it is KIND/NAME."""
    return _ref(context, parameter, value) if value and "/" in value else run_name(context, parameter, value)


def digest(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """A whole digest, as a plan has it."""
    if value is not None and not _DIGEST.fullmatch(value):
        raise click.BadParameter(
            f"{value} is no digest of a plan: that is sha256: and 64 characters, as `kubectl roster show RUN` has it."
        )
    return value


def output_option(function: F) -> F:
    """-o table|json|yaml."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(("table", "json", "yaml")),
        default="table",
        show_default=True,
        help="How to print the result.",
    )(function)


def waiting_options(function: F) -> F:
    """--wait, --timeout, --quiet."""
    for option in (
        click.option("-q", "--quiet", is_flag=True, help="No progress."),
        click.option(
            "--timeout",
            callback=_seconds,
            metavar="TIME",
            help="Watch no longer than this, such as 90s, 30m or 2h; default: as long as it takes.",
        ),
        click.option(
            "--wait/--no-wait",
            default=True,
            show_default=True,
            help="Watch until it ends; the exit code says how it ended.",
        ),
    ):
        function = option(function)
    return function


def cluster() -> "Cluster":
    """The cluster that the options name."""
    from rostersync.plugin.cluster import Cluster
    from rostersync.plugin.kubeconfig import login

    target = click.get_current_context().meta.get(TARGET, Target())
    if target.groups and not target.user:
        raise click.UsageError("--as-group goes with --as: say whom to act as.")
    return Cluster(login(target), target.namespace, target.user, target.groups)


def typed(where: "Cluster") -> "Typed":
    """What to type next, with options for the same cluster and namespace."""
    from rostersync.plugin import words_to_type

    return words_to_type.typed(options_for(where))


def show_command(where: "Cluster", run: str) -> str:
    """The command that shows a run."""
    return f"kubectl roster show {run}{options_for(where)}"


def options_for(where: "Cluster") -> str:
    """` -n rosters --context prod`: the options with which kubectl uses the same cluster and namespace; empty if none
    are needed.
    """
    target = click.get_current_context().meta.get(TARGET, Target())
    namespace = where.namespace if where.namespace != where.default else None
    given = (("-n", namespace), ("--context", target.context), ("--kubeconfig", target.kubeconfig))
    acting = (("--as", target.user), *(("--as-group", group) for group in target.groups))
    return "".join(f" {option} {shlex.quote(value)}" for option, value in (*given, *acting) if value)


def note(text: str) -> None:
    """Print a remark on standard error."""
    from rostersync.render.words import plain

    click.echo(plain(text), err=True)


def show_run(run: dict[str, Any], output: str, words: "Typed") -> None:
    """Print a run at the end of a command: briefly for people, or as the SyncRun object."""
    from rostersync.render import objects, tables
    from rostersync.render.run import brief

    if output == "table":
        brief(tables.console(), run, words)
    else:
        click.echo(objects.dump(run, output), nl=False)


def show_asked(where: "Cluster", run: dict[str, Any], output: str, sentence: str) -> None:
    """Print a run that nobody waits for: a sentence for people, or the SyncRun object."""
    if output == "table":
        click.echo(sentence)
    else:
        show_run(run, output, typed(where))


def asks() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
