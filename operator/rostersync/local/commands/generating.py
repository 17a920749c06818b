"""crds, version: what the program itself has to give."""

from pathlib import Path

import click

from rostersync.local.commands import common


@click.command()
@click.option("--to", "folder", default="crds", show_default=True, metavar="DIR",
              type=click.Path(file_okay=False, path_type=Path), help="Where the YAML files go.")  # fmt: skip
@click.option("--check", is_flag=True, help="Write nothing; fail when the files there differ.")
@common.debug_option
def crds(folder: Path, check: bool) -> None:
    """Write the CustomResourceDefinitions, made from the same types that validate manifests."""
    from rostersync.errors import Permanent
    from rostersync.local import engine

    texts = engine.crds()
    differ = [n for n, text in texts.items() if not (folder / n).exists() or (folder / n).read_text() != text]
    if check:
        if differ:
            raise Permanent(f"Not up to date: {', '.join(differ)}; run `rostersync crds`.", reason="Differs")
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
        click.echo(folder / name)


@click.command()
def version() -> None:
    """Print the version."""
    from rostersync import __version__

    click.echo(f"rostersync {__version__}")
