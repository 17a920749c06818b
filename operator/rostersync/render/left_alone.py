"""What a restore leaves alone, in one line below its changes."""

from rich.console import Console

from rostersync.plan.manifest import Manifest
from rostersync.render.tables import say
from rostersync.render.words_to_type import LOCAL


def line(out: Console, manifest: Manifest) -> None:
    """How many changes of the run a restore does not take back, and how to see them. Nothing for other plans."""
    held = sum(issue.count for issue in manifest.issues)
    if manifest.restores and held:
        say(out)
        command = f"`{LOCAL.issues.format(run=manifest.run)} --records`"
        what = "1 change is" if held == 1 else f"{held:,} changes are"
        say(
            out,
            f"{what} left as they are, since later runs changed those records or they lack what they need: {command}.",
        )
