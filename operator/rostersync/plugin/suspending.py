"""spec.suspend of a connection, which suspend and resume set."""

import click

from rostersync.api.kinds import Ref
from rostersync.plugin import options


def put(connection: Ref, suspended: bool, output: str) -> None:
    """Set it, and say what is so now, also where Git will set it back."""
    from rostersync.api.objects import from_git
    from rostersync.plugin import lookup
    from rostersync.render import objects

    cluster = options.cluster()
    before = lookup.connection(cluster, connection)
    so = bool(before["spec"].get("suspend"))
    seen = (
        before if so == suspended else cluster.patch(connection.kind, connection.name, {"spec": {"suspend": suspended}})
    )
    if output != "table":
        click.echo(objects.dump(seen, output), nl=False)
        return
    now = "suspended: nothing new starts" if suspended else "not suspended: it imports by its schedule and on request"
    click.echo(f"{connection.in_words} is {'already ' if so == suspended else ''}{now}.")
    if tool := from_git(before):
        click.echo(f"It comes from Git by {tool}, which may set spec.suspend back: change it there, too.", err=True)
