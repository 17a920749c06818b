"""check: Test Connection."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rostersync.execution.interruption import interruptible
from rostersync.execution.options import debug_option
from rostersync.local.commands import options

METADATA_KEYS = 5  # metadata keys that a table names

if TYPE_CHECKING:
    from rostersync.local.state import State
    from rostersync.model import Probe
    from rostersync.sources.port import CheckResult


@click.command(
    epilog="""\b
Example:
  rostersync check -f connection.yaml -f secret.yaml
"""
)
@options.manifests_option
@options.volume_option
@options.state_option
@options.output_option("table", "json", "yaml")
@options.quiet_option
@debug_option
def check(paths: tuple[Path, ...], volumes: dict[str, Path], state: "State", output: str, quiet: bool) -> None:
    """Test Connection: does the source answer, which schools does it have, and which attributes does it fill?

    Reads a sample of every collection and changes nothing. The logins of store.postgres are tried, of whichever Secrets are
    given. At the place of each delivery, a probe is written, renamed
    and removed.
    """
    from rostersync.execution import source
    from rostersync.execution.probe import as_dict, probe_deliveries, probe_store
    from rostersync.execution.progress import shown
    from rostersync.local.manifest_files import store_secrets
    from rostersync.reading.read_set import private
    from rostersync.render import objects

    loaded = options.read_manifests(paths)
    state.mount(volumes)
    with interruptible(), shown(quiet) as progress:
        given = {**store_secrets(os.environ), **loaded.secrets}
        progress("check", "store", 0, None)
        store = probe_store(replace(loaded, secrets=given), state.layout)
        if loaded.connection.spec.deliveries:
            progress("check deliveries", "all at once", 0, None)
        probes = probe_deliveries(loaded, state.layout)
        if output == "table":
            _store(store)
            _deliveries(probes)
        progress("check source", "a sample of each collection", 0, None)
        opened, _ = source.open_source(loaded, os.environ)
        opened.on_wait(lambda why, waited, patience: progress("waiting", why, int(waited), int(patience)))
        try:
            found = opened.check(private(loaded.connection))
        finally:
            opened.close()
    if output == "table":
        _page(found)
    else:
        click.echo(objects.dump(found.as_dict() | as_dict(store, probes), output), nl=False)
    if any(probe.error for probe in (store, *probes) if probe):
        raise SystemExit(1)


def _store(probe: "Probe | None") -> None:
    """What was found of a store that Secrets lead to."""
    from rostersync.render.tables import console, say

    if probe and probe.error:
        say(console(), f"Store: {probe.error['reason']}: {probe.error['message']}", "red")
    elif probe:
        say(console(), f"Store: {probe.where}", "green")


def _deliveries(probes: "list[Probe]") -> None:
    """A line for each delivery."""
    from rostersync.render.tables import console, say

    for probe in probes:
        if probe.error:
            say(console(), f"Delivery {probe.name}: {probe.error['reason']}: {probe.error['message']}", "red")
        else:
            say(console(), f"Delivery {probe.name}: can be delivered to {probe.where}", "green")


def _page(found: "CheckResult") -> None:
    from rostersync.render.tables import console, say, table
    from rostersync.roster import RANK

    out = console()
    say(out, found.message, "green")
    number = len(found.schools)
    title = f"{number:,} school{'' if number == 1 else 's'}"
    table(out, ("School", "Name"), ((s.id, s.name) for s in found.schools), title=title)
    totals = ((name, "not said" if total is None else total) for name, total in found.totals.items())
    table(out, ("Collection", "Records"), totals, ("Records",))
    heads = ("Entity", "Sample", "Always filled", "Sometimes filled")
    table(
        out,
        heads,
        _by_entity(found),
        ("Sample",),
        "Attributes that the source fills",
        fold="Always filled",
        below=("Sometimes filled",),
    )
    say(out, "Sample: how many records were read, spread over each collection; percentages refer to these.")
    if missing := [e.value for e in RANK if not any(f.entity == e.value for f in found.attributes)]:
        say(out, f"None in the sample: {', '.join(missing)}.")
    if found.not_offered:
        say(out, f"Not offered by the source: {', '.join(found.not_offered)}.", "yellow")
    for scope in found.scopes:
        say(
            out,
            f"  The token may lack the scope {scope}: name it in deliveryConfig.scope, and let the SIS grant it.",
            "yellow",
        )


def _by_entity(found: "CheckResult") -> list[tuple[str, int, str, str]]:
    """A row for each entity: the attributes that a mapping can use, with how often each is present."""
    from rostersync.render.words import percent

    rows = []
    for entity in dict.fromkeys(f.entity for f in found.attributes):
        of = [f for f in found.attributes if f.entity == entity]
        always = ", ".join(_folded([(f.attribute, "") for f in of if f.filled == f.sampled]))
        some = [(f.attribute, percent(f.filled, f.sampled)) for f in of if f.filled < f.sampled]
        sometimes = ", ".join(_folded(some))
        rows.append((entity, max(f.sampled for f in of), always, sometimes))
    return rows


def _folded(attributes: list[tuple[str, str]]) -> list[str]:
    """Attributes with their shares. Of metadata, which may have hundreds of keys, the first few."""
    plain = [(name, share) for name, share in attributes if not name.startswith("metadata.")]
    keys = [(name, share) for name, share in attributes if name.startswith("metadata.")]
    shown = [f"{name} {share}".rstrip() for name, share in plain + keys[:METADATA_KEYS]]
    more = len(keys) - METADATA_KEYS
    return [*shown, f"and {more:,} more keys of metadata (--output json has all)"] if more > 0 else shown
