"""version: which version this is."""

import click


@click.command(
    epilog="""\b
Example:
  rostersync version
"""
)
def version() -> None:
    """Print the version."""
    from rostersync import __version__

    click.echo(f"rostersync {__version__}")
