"""A connection among the sources of its district, for people: which others there are, whether they agree, whose value counts."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from rich.console import Console

from rostersync.api.kinds import Ref, connection_model
from rostersync.api.v1alpha1.connection import ConnectionSpec
from rostersync.api.v1alpha1.uniqueness import EVERY
from rostersync.plan.effective import OF_DISTRICT, differing_fields, district_settings
from rostersync.render.tables import say, table
from rostersync.sources.registry import PROFILES

_DOMAINS, _MASTERS = OF_DISTRICT
_COUNTS = {
    "Master": "whenever it has one",
    "DoNotOverride": "where none was before; the value that was there first stays",
}


@dataclass(frozen=True)
class Member:
    """A connection of a district, and its sourceID. `spec`: None if it is not valid."""

    ref: Ref
    district: str
    source: str
    spec: ConnectionSpec | None

    @property
    def settings(self) -> dict[str, Any] | None:
        """What it says of the district's sources. None if it says nothing of others."""
        return district_settings(self.spec) if self.spec and self.spec.multipleDataSources else None


def member(connection: Mapping[str, Any]) -> Member:
    """A connection's object, of a kind that is known, as a member of its district."""
    ref, spec = Ref.to(connection), connection.get("spec") or {}
    source = PROFILES[ref.kind].source_named(ref.name, spec.get("sourceID"))
    kept = {key: connection[key] for key in ("apiVersion", "kind") if key in connection}
    plain = kept | {"metadata": {"name": ref.name}, "spec": spec}
    try:
        valid = connection_model(plain).model_validate(plain).spec
    except ValidationError:
        valid = None
    return Member(ref, str(spec.get("district") or ref.name), source, valid)


def beside(mine: Member, others: Iterable[Member]) -> list[Member]:
    """The other connections of a connection's district, by name."""
    return sorted((o for o in others if o.district == mine.district and o.ref != mine.ref), key=lambda o: o.ref)


def standing(mine: Member, other: Member) -> str:
    """Whether another connection of the district agrees with this one, and if not, in which fields it differs."""
    if other.source == mine.source:
        return "has the same source, and only the older connection reads it"
    if other.spec is None:
        return "is not valid"
    if mine.settings is None:
        return ""
    if other.settings is None:
        return "knows of no other source (spec.multipleDataSources)"
    fields = differing_fields(mine.settings, other.settings)
    same = all(_entries(mine, f) == _entries(other, f) for f in fields)
    return f"differs in {' and '.join(fields)}{' (the order)' if same else ''}" if fields else "agrees"


def page(out: Console, mine: Member, others: Sequence[Member], order: Sequence[str] = ()) -> None:
    """The sources of a connection's district, and the settings that its connections share; in one line at most for an only one.

    `others`: the other connections of the district. `order`: sources in order of age, as far as it is known.
    """
    if not others:
        if mine.settings is not None:
            say(out, f"No other connection here is of district {mine.district} (spec.multipleDataSources is on).")
        return
    rows = [(m.source, m.ref.in_words, "this one" if m is mine else standing(mine, m)) for m in (mine, *others)]
    place = {source: number for number, source in enumerate(order)}
    rows.sort(key=lambda row: place.get(row[0], len(place)))
    say(out)
    table(
        out, ("Source", "Connection", "Settings"), rows, title=f"Sources of district {mine.district}", fold="Settings"
    )
    if mine.settings is None:
        why = "is for an only source: spec.multipleDataSources is off" if mine.spec else "is not valid"
        say(out, f"This connection {why}.", "yellow")
        return
    members = [m for m in (mine, *others) if m.settings is not None and (m is mine or m.source != mine.source)]
    _domains(out, members)
    _masters(out, members, order)
    if any(differing_fields(mine.settings, m.settings or {}) for m in members[1:]):
        say(out, "The connections differ. Give all of them the same settings before the next run.", "yellow")
    elif len(members) > 1:
        say(out, f"All of this stands alike in {_named(m.ref for m in members)}.")


def _domains(out: Console, members: Sequence[Member]) -> None:
    """By what records are the same: a row for each list of attributes that stands in the same connections."""
    entities: dict[tuple[str, str], list[str]] = {}
    for domain, where in _united(members, _DOMAINS):
        entities.setdefault((", ".join(domain["attributes"]), where), []).append(domain["entity"])
    rows = [(", ".join(found), attributes, where) for (attributes, where), found in entities.items()]
    title = "Who is the same: records that agree in all of the attributes (spec.domainsOfUniqueness)"
    _table(out, ("Entity", "Attributes", "Stands in"), rows, title)


def _masters(out: Console, members: Sequence[Member], order: Sequence[str]) -> None:
    """Whose value counts, of which entity and attribute, and what holds for all others."""
    known = {m.source: m.ref.in_words for m in members}
    rows = [
        (m["entity"], _attributes(m), _source(m["source"], known), _COUNTS[m["mode"]], where)
        for m, where in _united(members, _MASTERS)
    ]
    columns = ("Entity", "Attributes", "Source", "Its value counts", "Stands in")
    _table(out, columns, rows, "Whose value counts (spec.masterFields)")
    oldest = f" ({', then '.join(order)})" if len(order) > 1 else ""
    every = "Everything else has the value" if rows else "Whose value counts: that"
    say(out, f"{every} of the source that was imported first, or of the next one that has any{oldest}.")
    say(out, "Lists of references are united.")


def _table(out: Console, columns: Sequence[str], rows: Sequence[tuple[str, ...]], title: str) -> None:
    """Settings, the last column of which is empty where they stand in every connection."""
    differ = any(row[-1] for row in rows)
    shown = [(*row[:-1], row[-1] or "all") if differ else row[:-1] for row in rows]
    if rows:
        table(out, columns if differ else columns[:-1], shown, title=title)


def _united(members: Sequence[Member], name: str) -> list[tuple[Mapping[str, Any], str]]:
    """Each entry of a setting once, in order, with the connections in which it stands; "" for all of them."""
    found: dict[str, tuple[Mapping[str, Any], list[Ref]]] = {}
    for each in members:
        for entry in (each.settings or {}).get(name, ()):
            found.setdefault(json.dumps(entry, sort_keys=True), (entry, []))[1].append(each.ref)
    return [(entry, "" if len(refs) == len(members) else f"only {_named(refs)}") for entry, refs in found.values()]


def _entries(one: Member, field: str) -> list[str]:
    """A setting's entries in any order."""
    return sorted(json.dumps(entry, sort_keys=True) for entry in (one.settings or {})[field.removeprefix("spec.")])


def _attributes(master: Mapping[str, Any]) -> str:
    names = master["attributes"]
    return "all others, but no references" if EVERY in names else ", ".join(names)


def _source(source: str, known: Mapping[str, str]) -> str:
    return source if source in known else f"{source} (of no connection here)"


def _named(refs: Iterable[Ref]) -> str:
    return ", ".join(ref.in_words for ref in refs)
