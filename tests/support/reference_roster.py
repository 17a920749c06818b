"""A slow, obvious model of the roster that several data sources make together: the oracle of `sync/merge`.

Plain dicts and loops over single records, written from the rules alone. `unite(district, own)` says what the roster is, which records
are one, whose values stand, and what of the planned source's records must be held back.
Over 300 lines, since an oracle is believed when it can be read from the top to the bottom.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rostersync.roster import TABLES, Kind, Table

Row = dict[str, Any]  # entity, the attributes, metadata
Record = tuple[str, str, str]  # (table, source, id)
Key = tuple[str, str]  # (table, id in the roster)

REFERENCES = (Kind.REF, Kind.REFS)
# The attribute whose source also says what a record is.
DECIDES = {"users": "role", "orgs": "type"}


@dataclass
class District:
    """The contributions of all sources after a plan, and what was there before it. `sources` are in order of age."""

    sources: list[str]
    contributions: dict[Record, Row]
    records: dict[Record, str] = field(
        default_factory=dict
    )  # before: the roster's id of each contribution that had one
    roster: dict[Key, Row] = field(default_factory=dict)  # before: active records
    tombstones: set[Key] = field(default_factory=set)
    owners: dict[tuple[str, str, str], str] = field(default_factory=dict)  # (table, id, attribute): whose value stands
    brings: dict[str, bool] = field(default_factory=dict)  # absent: it does
    domains: list[dict[str, Any]] = field(default_factory=list)
    masters: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Own:
    """The plan's own side: its source, what it changes of its contributions, and schools that it maps by id."""

    source: str
    causes: dict[Record, str] = field(default_factory=dict)
    targets: frozenset[str] = frozenset()
    new_words: bool = False


@dataclass
class Roster:
    """What several sources make together."""

    rows: dict[Key, Row] = field(default_factory=dict)
    told_by: dict[Key, dict[str, str]] = field(default_factory=dict)  # the source of each value
    # What each value would be if a source had none: (source, the value then, whose it then is).
    otherwise: dict[Key, dict[str, list[tuple[str, Any, str | None]]]] = field(default_factory=dict)
    records: dict[Record, str] = field(default_factory=dict)
    owners: dict[tuple[str, str, str], str] = field(default_factory=dict)
    held: dict[Record, str] = field(default_factory=dict)  # Duplicate, IdTaken, Unmatched
    changes: dict[Key, tuple[str, str]] = field(default_factory=dict)  # (change, cause)


def unite(district: District, own: Own) -> Roster:
    """The roster after a plan of one source."""
    made = Roster()
    for table in TABLES:
        mine = sorted(r for r in district.contributions if r[0] == table.name)
        if table.name == "demographics":
            groups = with_their_person(mine, made)
        else:
            groups = joined(district, own, table, kept_units(district, own, table, mine, made), made)
        named(district, table, groups, made)
        for group in groups:
            if not any(brings(district, r) for r in group):
                for r in group:
                    if table.name != "orgs":  # those of such a source are only there for its own records
                        made.held.setdefault(r, "Unmatched")
                    made.records.pop(r, None)
    for table in TABLES:
        for rid in sorted({i for r, i in made.records.items() if r[0] == table.name}):
            make_record(district, table, rid, made)
    compare(district, own, made)
    return made


def brings(district: District, record: Record) -> bool:
    """Whether the record's source makes and keeps records."""
    return district.brings.get(record[1], True)


# ---- which records are one


def keys_of(district: District, own: Own, table: Table, record: Record, made: Roster) -> set[Any]:
    """What the record can be recognised by."""
    row = district.contributions[record]
    if table.name == "orgs" and by_id(district, own, record):
        return {("id", record[2])}
    found: set[Any] = set()
    if table.name == "orgs" and district.records.get(record) in own.targets:
        found.add(("id", district.records[record]))
    for domain in district.domains:
        if domain["entity"] != row["entity"]:
            continue
        values = [value_in_key(district, table, record, name, made) for name in sorted(domain["attributes"])]
        if None not in values:
            among = "users" if table.name == "users" else row["entity"]
            found.add((among, tuple(sorted(domain["attributes"])), tuple(values)))
    return found


def by_id(district: District, own: Own, record: Record) -> bool:
    """Whether a person said by id which school this organisation is: in this plan, or before."""
    table, source, id_ = record
    if source == own.source and id_ in own.targets:
        return True
    rid = district.records.get(record)
    others = [r for r, i in district.records.items() if i == rid and r[0] == table and r[1] != source]
    return rid is not None and any(r[2] == id_ and r in district.contributions for r in others)


def value_in_key(district: District, table: Table, record: Record, name: str, made: Roster) -> Any:
    """An attribute for comparing: lower case, references as ids of the roster."""
    row = district.contributions[record]
    if name.startswith("metadata."):
        value = (row.get("metadata") or {}).get(name.removeprefix("metadata."))
    else:
        value = row.get(name)
        attribute = table.attribute(name)
        if attribute.kind in REFERENCES and attribute.target != table.name:
            value = followed(district, record[1], attribute.target, value, made)
    return None if value is None else folded(value)


def folded(value: Any) -> Any:
    """Lower case, in lists too."""
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, list):
        return tuple(folded(v) for v in value)
    if isinstance(value, dict):
        return tuple(sorted((k, folded(v)) for k, v in value.items()))
    return value


def followed(district: District, source: str, target: str | None, value: Any, made: Roster) -> Any:
    """A source's reference as one of the roster; none where the record is in no record of it."""
    if value is None:
        return None
    if isinstance(value, list):
        found = {followed(district, source, target, v, made) for v in value}
        return sorted(v for v in found if v is not None) or None
    there = (str(target), source, value)
    return made.records.get(there) if there in district.contributions else value


def kept_units(district: District, own: Own, table: Table, mine: Sequence[Record], made: Roster) -> list[list[Record]]:
    """Records that were one and still are, each other one alone.

    A record leaves its unit if it agrees with none of it any more, and with a record of another source elsewhere.
    """
    units: dict[Any, list[Record]] = {}
    for r in mine:
        units.setdefault(district.records.get(r, r), []).append(r)
    keys = {r: keys_of(district, own, table, r, made) for r in mine}
    leaving = set()
    for unit in units.values():
        for r in unit:
            inside = any(keys[r] & keys[other] for other in unit if other != r)
            outside = any(keys[r] & keys[other] for other in mine if other not in unit and other[1] != r[1])
            if len(unit) > 1 and outside and not inside:
                leaving.add(r)
    left = [[r for r in unit if r not in leaving] for unit in units.values()]
    return [unit for unit in left if unit] + [[r] for r in sorted(leaving)]


def joined(district: District, own: Own, table: Table, units: list[list[Record]], made: Roster) -> list[list[Record]]:
    """Units that share what they are recognised by become one, unless that would unite two records of one source."""
    bearers: dict[Any, set[Record]] = {}
    for unit in units:
        for r in unit:
            for key in keys_of(district, own, table, r, made):
                bearers.setdefault(key, set()).add(r)
    bearers = {key: who for key, who in bearers.items() if len({r[1] for r in who}) > 1}
    unit_of = {r: number for number, unit in enumerate(units) for r in unit}
    component = list(range(len(units)))
    while True:
        before = list(component)
        for who in bearers.values():
            least = min(component[unit_of[r]] for r in who)
            for r in who:
                component[unit_of[r]] = least
        if component == before:
            break
    groups = []
    for number in sorted(set(component)):
        members = [unit for unit, c in zip(units, component, strict=True) if c == number]
        flat = [r for unit in members for r in unit]
        if len({r[1] for r in flat}) == len(flat):
            groups.append(flat)
            continue
        groups += members
        for who in bearers.values():
            if len({unit_of[r] for r in who}) > 1:
                made.held.update({r: "Duplicate" for r in who if component[unit_of[r]] == number})
    return groups


def with_their_person(mine: Iterable[Record], made: Roster) -> list[list[Record]]:
    """Demographics are one where their people are. Without a person, they are in no record."""
    groups: dict[str, list[Record]] = {}
    for r in mine:
        if (rid := made.records.get(("users", r[1], r[2]))) is None:
            made.held[r] = "Unmatched"
        else:
            groups.setdefault(rid, []).append(r)
            made.records[r] = rid
    return list(groups.values())


# ---- ids


def named(district: District, table: Table, groups: list[list[Record]], made: Roster) -> None:
    """Give each group its id in the roster: one that it had or brings, and that nobody claims with more right."""
    if table.name == "demographics":
        return
    alive = [group for group in groups if any(brings(district, r) for r in group)]
    group_of = {r: number for number, group in enumerate(alive) for r in group}
    home = {r: district.records.get(r, r[2]) for r in group_of if brings(district, r) or r in district.records}
    won: dict[int, list[tuple[Any, str]]] = {}
    for rid in set(home.values()):
        first = min(
            (r for r in home if home[r] == rid),
            key=lambda r: (r[2] != rid, r not in district.records, age(district, r), r[2]),
        )
        number = group_of[first]
        won.setdefault(number, []).append((id_rank(district, table, rid, alive[number]), rid))
    # Who won nothing takes an id of its own that nobody claims.
    own_ids: dict[str, list[tuple[Any, int]]] = {}
    for r, number in group_of.items():
        if number not in won and brings(district, r) and r[2] not in home.values():
            own_ids.setdefault(r[2], []).append((order(district, table, r), number))
    for rid, claims in own_ids.items():
        rank, number = min(claims)
        won.setdefault(number, []).append(((True, rank), rid))
    for number, group in enumerate(alive):
        if number in won:
            made.records.update({r: min(won[number])[1] for r in group})
    for number, group in enumerate(alive):
        if number in won:
            continue
        first = min((r for r in group if brings(district, r)), key=lambda r: order(district, table, r))
        wanted = {home[r] for r in group if r in home} | {r[2] for r in group}
        rivals = [r for r in group_of if made.records.get(r) in wanted]
        made.held.update({r: "IdTaken" for r in group + rivals if r not in made.held})
        made.records.update(dict.fromkeys(group, f"{first[1]}:{first[2]}"))


def id_rank(district: District, table: Table, rid: str, group: list[Record]) -> Any:
    """A standing id before a new one, then that of the first source."""
    claimed = [r for r in group if district.records.get(r, r[2]) == rid]
    stands = any(r in district.records for r in claimed)
    return (not stands, min(order(district, table, r) for r in claimed))


def age(district: District, record: Record) -> int:
    """0 is the oldest source."""
    return district.sources.index(record[1])


def order(district: District, table: Table, record: Record) -> Any:
    """Sources as Master Fields name them, then by age."""
    named_ = [m["source"] for m in district.masters if m["entity"] in table.entities]
    source = record[1]
    return (named_.index(source) if source in named_ else len(named_), age(district, record), record[2])


# ---- values


def make_record(district: District, table: Table, rid: str, made: Roster) -> None:
    """The roster's record from its contributions."""
    group = sorted(
        (r for r, i in made.records.items() if (r[0], i) == (table.name, rid)), key=lambda r: age(district, r)
    )
    rows = {r: district.contributions[r] for r in group}
    several = len(group) > 1  # of a record that one source has, nobody needs to remember whose a value is
    lead = next(r for r in group if brings(district, r))
    entity = rows[lead]["entity"]
    row: Row = {}
    told: dict[str, str] = {}
    for a in table.attributes:
        values = {r: rows[r].get(a.name) for r in group}
        if a.kind in REFERENCES:
            values = {r: followed(district, r[1], a.target, v, made) for r, v in values.items()}
        having = {r: v for r, v in values.items() if v is not None}
        if a.kind is Kind.REFS:
            row[a.name] = sorted({v for values_ in having.values() for v in values_}) or None
            told |= {a.name: ",".join(r[1] for r in group if r in having)} if having else {}
            if having:
                made.otherwise.setdefault((table.name, rid), {})[a.name] = without_each(having, row[a.name])
        else:
            row[a.name] = chosen(district, table, rid, entity, a.name, having, made, told, several)
    names = sorted({k for r in group for k in rows[r].get("metadata") or {}})
    kept = {}
    for name in names:
        having = {r: m[name] for r in group if (m := rows[r].get("metadata") or {}).get(name) is not None}
        kept[name] = chosen(district, table, rid, entity, f"metadata.{name}", having, made, told, several)
    row["metadata"] = {k: v for k, v in kept.items() if v is not None} or None
    decides = told.get(DECIDES.get(table.name, ""))
    says = next((r for r in group if r[1] == decides), lead)
    row["entity"], told["entity"] = rows[says]["entity"], says[1]
    made.rows[table.name, rid] = row
    made.told_by[table.name, rid] = told


def without_each(having: dict[Record, list[str]], united: list[str]) -> list[tuple[str, Any, str | None]]:
    """What united references would be without each of the sources, where that is something else."""
    found = []
    for r in having:
        rest = [other for other in having if other != r]
        left = sorted({v for other in rest for v in having[other]}) or None
        if left != united:
            found.append((r[1], left, ",".join(other[1] for other in rest) or None))
    return found


def chosen(
    district: District,
    table: Table,
    rid: str,
    entity: str,
    name: str,
    having: dict[Record, Any],
    made: Roster,
    told: dict[str, str],
    several: bool,
) -> Any:
    """The value that stands, of the records that have one."""
    if not having:
        return None
    entry = entry_of(district, table, entity, name)
    mode, source = (entry["mode"], entry["source"]) if entry else (None, None)
    owner = district.owners.get((table.name, rid, name))

    def rank(r: Record) -> Any:
        if mode == "Master":
            return (r[1] != source, age(district, r))
        if mode == "DoNotOverride":
            return (r[1] != owner, district.records.get(r) != rid, r[1] != source, age(district, r))
        return (age(district, r),)

    first = min(having, key=rank)
    told[name] = first[1]
    if mode == "DoNotOverride" and several:
        made.owners[table.name, rid, name] = first[1]
    after = min((r for r in having if r != first), key=rank, default=None)
    then = (having[after], after[1]) if after else (None, None)
    made.otherwise.setdefault((table.name, rid), {})[name] = [(first[1], *then)]
    return having[first]


def entry_of(district: District, table: Table, entity: str, name: str) -> dict[str, Any] | None:
    """What Master Fields say about an attribute: by its name, else by `*`, which is no reference."""
    mine = [m for m in district.masters if m["entity"] == entity]
    reference = not name.startswith("metadata.") and table.attribute(name).kind in REFERENCES
    named_ = [m for m in mine if name in m["attributes"]]
    every = [m for m in mine if "*" in m["attributes"] and not reference]
    return next(iter(named_ + every), None)


# ---- what changes


def compare(district: District, own: Own, made: Roster) -> None:
    """The changes of the roster, with their causes."""
    for key in sorted(district.roster.keys() | made.rows.keys()):
        before, after = district.roster.get(key), made.rows.get(key)
        if before == after:
            continue
        change = "Create" if before is None else "Delete" if after is None else "Update"
        made.changes[key] = (change, cause_of(district, own, made, key, change))


def cause_of(district: District, own: Own, made: Roster, key: Key, change: str) -> str:
    """Why a record of the roster changes: the first of the reasons that there are."""
    table, rid = key
    before = {r: i for r, i in district.records.items() if r[0] == table}
    were = [r for r, i in before.items() if i == rid]
    are = [r for r, i in made.records.items() if (r[0], i) == key]
    if any(broken(district, made, table, i) for i in {rid, *(before[r] for r in are if r in before)}):
        return "Relinked"
    if change == "Delete" and any(r in made.records for r in were):
        return "Merged"
    if change == "Create" and key in district.tombstones:
        return "Restored"
    if mine := [own.causes[r] for r in are if r in own.causes]:
        return mine[0]
    if gone := [own.causes[r] for r in were if r in own.causes and r not in made.records]:
        return gone[0]
    if any(before.get(r, rid) != rid for r in are):
        return "Merged"
    return "SettingsChanged" if own.new_words else "Cascade"


def broken(district: District, made: Roster, table: str, rid: str) -> bool:
    """Whether records that were this one part although they live, or another record took its id from them."""
    living = [r for r, i in district.records.items() if (r[0], i) == (table, rid) and r in district.contributions]
    now = {made.records.get(r) for r in living}
    return len(now) > 1 or (
        bool(now) and rid not in now and rid in {i for r, i in made.records.items() if r[0] == table}
    )
