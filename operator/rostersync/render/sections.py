"""Help that lists commands in sections."""

from collections.abc import Mapping
from typing import ClassVar

import click


class Sectioned(click.Group):
    """A group whose help lists its commands by section, in that order. Commands without a section are hidden."""

    sections: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All listed commands, in the order of the sections."""
        return [name for names in self.sections.values() for name in names]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by section, each with the first sentence of its help."""
        for title, names in self.sections.items():
            with formatter.section(title):
                commands = ((name, self.get_command(ctx, name)) for name in names)
                formatter.write_dl([(name, c.get_short_help_str(150)) for name, c in commands if c])
