"""rostersync simulate."""

import signal
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import click
import msgspec

from rostersync.simulator import events, faults, profiles

_CURL = {
    """curl -d '{"day": 2}' URL/_simulator/day""": "another day ({}: the next)",
    """curl -d '{"event": "mass-leave:30"}' URL/_simulator/event""": 'something happens ({"clear": true})',
    """curl -d '{"fault": "429,every=5"}' URL/_simulator/fault""": 'something goes wrong ({"clear": true})',
    "curl URL/_simulator": "what it is serving",
}


def _item(named: tuple[str, str]) -> str:
    """A name, and what it means below it, in lines that fit into a terminal of 80 columns."""
    name, meaning = named
    return f"  {name}\n" + textwrap.fill(meaning, 76, initial_indent=" " * 6, subsequent_indent=" " * 6)


_PARTS = (
    ("Example:", "  rostersync simulate --students 500 --day 2"),
    ("Events:", *map(_item, events.HELP.items())),
    (
        "Faults, each with ,once ,times=N ,every=N ,after=N ,probability=P",
        "or ,on=COLLECTION:",
        *map(_item, faults.HELP.items()),
    ),
    ("While it runs, without any credentials:", *map(_item, _CURL.items())),
)


def _by_profile(what: Callable[[profiles.SIS], str]) -> str:
    """What differs between profiles, for a sentence."""
    return ", ".join(f"{what(sis)} ({name})" for name, sis in profiles.PROFILES.items())


_EPILOG = "\n\n".join("\n".join(("\b", *lines)) for lines in _PARTS)


@click.command("simulate", epilog=_EPILOG)
@click.option("--students", default=1000, show_default=True, help="How many students the district has: 1 … 20000000.")
@click.option("--seed", default=1, show_default=True, help="Another seed is another district, in every number.")
@click.option("--guardians", default=1.4, show_default=True, help="Contacts for each student.")
@click.option("--day", default=0, show_default=True, help="The day to begin with; each day a few things change.")
@click.option("--event", "event", multiple=True, metavar="NAME[:VALUE]", help="What has happened; see below.")
@click.option("--fault", "fault", multiple=True, metavar="NAME[:VALUE][,…]", help="What goes wrong; see below.")
@click.option(
    "--bundle",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Serve this folder of OneRoster 1.1 CSV files in place of a made-up district.",
)
@click.option(
    "--profile",
    type=click.Choice([*profiles.PROFILES]),
    default="focus",
    show_default=True,
    help="The SIS to be: its addresses, tokens, limits and errors.",
)
@click.option(
    "--version",
    "oneroster",
    type=click.Choice(["1.1", "1.2"]),
    help=f"The OneRoster version to speak. Without it: {_by_profile(lambda sis: next(iter(sis.base)))}.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8600, show_default=True, help="The port to listen on; 0 takes a free one.")
@click.option("--client-id", envvar="ROSTERSYNC_CLIENT_ID", help="The Client ID to accept.")
@click.option("--client-secret", envvar="ROSTERSYNC_CLIENT_SECRET", help="The Client Secret to accept.")
@click.option("--user-key", envvar="ROSTERSYNC_USER_KEY", help="The user's key to accept (Illuminate, OAuth1).")
@click.option(
    "--user-secret", envvar="ROSTERSYNC_USER_SECRET", help="The user's secret to accept (Illuminate, OAuth1)."
)
@click.option(
    "--token-lifetime",
    type=float,
    help=f"Seconds that a token is good for. Without it: {_by_profile(lambda sis: f'{sis.lifetime:g}')}.",
)
@click.option("--tls-cert", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Serve https (PEM).")
@click.option("--tls-key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its key (PEM).")
def simulate(
    students: int,
    seed: int,
    guardians: float,
    day: int,
    event: tuple[str, ...],
    fault: tuple[str, ...],
    bundle: Path | None,
    profile: str,
    oneroster: str | None,
    host: str,
    port: int,
    client_id: str | None,
    client_secret: str | None,
    user_key: str | None,
    user_secret: str | None,
    token_lifetime: float | None,
    tls_cert: Path | None,
    tls_key: Path | None,
) -> None:
    """Serve an invented district as a SIS does, to try things out.

    This is a real HTTP server with the OneRoster API of Focus, or of another SIS (--profile): token, collections page
    by page, single records. The district depends on its seed and size alone, and changes a little from day to day. It begins by printing the
    Service URL and the credentials (one line of JSON when the output is not a terminal), but not a Client Secret
    that you gave. Ctrl-C or SIGTERM ends it.
    """
    from rostersync.simulator.bundle import Bundle
    from rostersync.simulator.district import District
    from rostersync.simulator.layout import Size
    from rostersync.simulator.server import CLIENT_ID, CLIENT_SECRET, USER_KEY, USER_SECRET, Simulator

    if tls_key and not tls_cert:
        raise click.UsageError("--tls-key needs --tls-cert")
    try:
        source = Bundle(bundle) if bundle else District(Size(students, guardians), seed)
        simulator = Simulator(
            source,
            day=day,
            events=event,
            faults=fault,
            profile=profile,
            version=oneroster,
            host=host,
            port=port,
            seed=seed,
            client_id=client_id or CLIENT_ID,
            client_secret=client_secret or CLIENT_SECRET,
            user_key=user_key or USER_KEY,
            user_secret=user_secret or USER_SECRET,
            token_lifetime=token_lifetime,
            tls_cert=tls_cert,
            tls_key=tls_key,
        )
        simulator.start()
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host} port {port}: {error.strerror or error}") from error

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    secrets = {
        **({"clientSecret": simulator.client_secret} if client_secret is None else {}),
        **({"userKey": simulator.user_key} if simulator.sis.users else {}),
        **({"userSecret": simulator.user_secret} if simulator.sis.users and user_secret is None else {}),
    }
    said = {
        "url": simulator.url,
        "tokenURL": simulator.token_url,
        "clientID": simulator.client_id,
        **secrets,
        "profile": profile,
        "version": simulator.version,
        "control": f"{simulator.origin}/_simulator",
        "serves": simulator.roster.name,
    }
    if sys.stdout.isatty():
        click.echo(f"Service URL    {simulator.url}")
        if simulator.sis.tokens:
            click.echo(f"Token URL      {simulator.token_url}")
        click.echo(f"Client ID      {simulator.client_id}")
        for key, name in (("clientSecret", "Client Secret"), ("userKey", "User Key"), ("userSecret", "User Secret")):
            if key in secrets:
                click.echo(f"{name:14} {secrets[key]}")
        click.echo(f"Serving a {simulator.roster.name}. Control: {simulator.origin}/_simulator. Ctrl-C ends.")
    else:
        click.echo(msgspec.json.encode(said).decode())
    while not ended.wait(1):  # an endless wait would keep the signal handler from running on some systems
        pass
    simulator.stop()
