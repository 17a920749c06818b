"""deliver: deliver what is applied and not delivered yet."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rostersync.execution.interruption import interruptible
from rostersync.execution.options import bytes_of, debug_option, engine_options
from rostersync.local.commands import options
from rostersync.local.commands.output import finish

if TYPE_CHECKING:
    from rostersync.local.state import State


@click.command(
    epilog="""\b
Examples:
  rostersync deliver -f connection.yaml -f secret.yaml
  rostersync deliver -f manifests/ --volume passport=/mnt/passport
  rostersync deliver -f manifests/ --everything

\b
Exit codes: 0 delivered, or nothing to deliver; 1 failed."""
)
@options.manifests_option
@options.volume_option
@click.option(
    "--everything",
    is_flag=True,
    help="Send all of the newest roster, whatever receivers have: after a backup of the store was put back, or when a "
    "receiver has lost its files.",
)
@options.state_option
@options.output_option("table", "json", "yaml")
@options.quiet_option
@engine_options
@debug_option
def deliver(
    paths: tuple[Path, ...],
    volumes: dict[str, Path],
    everything: bool,
    state: "State",
    output: str,
    quiet: bool,
    memory: int | None,
    threads: int | None,
) -> None:
    """Deliver what is applied and not delivered yet, to where the connection says (spec.deliveries).

    `run` delivers at once. This tries again after a failure, without waiting. It reads the connection and the Secrets of
    its deliveries again, since Secrets are never kept. It does not contact the SIS.
    """
    from rostersync.execution.execution import Engine
    from rostersync.execution.progress import shown
    from rostersync.local.attempts import LocalAttempts
    from rostersync.local.delivering import deliver_pending

    manifests = options.read_manifests(paths)
    state.mount(volumes)
    engine = Engine(bytes_of(memory), threads)
    with interruptible(), shown(quiet) as progress:
        attempts = LocalAttempts(
            state, progress, inputs=manifests, env=os.environ, engine=engine, everything=everything
        )
        done = deliver_pending(state, manifests, attempts)
    finish(done, attempts, output)
