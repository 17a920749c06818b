"""Remarks for the user of a command."""

import sys

import click

from rostersync.execution.progress import log


def note(text: str) -> None:
    """A remark on standard error: text for a terminal, a JSON line elsewhere."""
    if sys.stderr.isatty():
        click.echo(text, err=True)
    else:
        log("info", message=text)
