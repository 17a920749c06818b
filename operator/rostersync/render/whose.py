"""Whose a value of the roster is, and what it would be if that source had none: in words, and counted for a plan."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from rostersync.model import Entity
from rostersync.plan.folder import roster_changes_of
from rostersync.render.tables import say, table
from rostersync.render.words import number, plain

NOBODY, SAME = "none", "the same"
Otherwise = Mapping[str, Sequence[Mapping[str, Any]]]  # by attribute: {without, value, source}


def in_words(
    source: str, alone: bool, value: Any, then: Sequence[Mapping[str, Any]] | None, told: Callable[[Any], str] = plain
) -> str:
    """`ic-campus; without it: 111 of springfield`. `alone`: no other source has the record. `then`: None if it is not known."""
    if not source:
        return ""
    if alone:
        return f"{source} alone"
    sources = source.replace(",", ", ")
    parts = [
        f"without {'it' if source == each['without'] else each['without']}: {_then(each, value, told)}"
        for each in then or ()
    ]
    return "; ".join([sources, *parts])


def as_cells(source: str, value: Any, then: Sequence[Mapping[str, Any]]) -> tuple[Any, str]:
    """What a value would be without its source, and whose that is, for two cells of CSV. References in words, by source."""
    if len(then) == 1 and then[0]["without"] == source:
        return then[0]["value"], then[0]["source"] or ""
    return "; ".join(f"without {each['without']}: {plain(each['value']) or NOBODY}" for each in then), ""


def _then(each: Mapping[str, Any], value: Any, told: Callable[[Any], str]) -> str:
    if each["value"] is None:
        return NOBODY
    if "," in each["source"] or isinstance(each["value"], list):
        return told(each["value"])
    return f"{SAME if each['value'] == value else told(each['value'])} of {each['source']}"


@dataclass(frozen=True)
class Whose:
    """How many changed values of an attribute are of a source, and whose they would be without it."""

    entity: str
    attribute: str
    source: str
    values: int
    then: Mapping[str, int]  # a source, NOBODY or SAME -> values; empty: no other source has these records


def read(plan: Path) -> tuple[Whose, ...]:
    """Of the records that a plan changes in the roster, the most values first. Empty if the district has one source."""
    from rostersync.stores.engine import connect

    files = [str(f) for e in Entity if (f := plan / roster_changes_of(e)).exists()]
    if not files:
        return ()
    found: dict[tuple[str, str, str], dict[str, int]] = {}
    with closing(connect(None, None, plan.parent / "scratch", [plan])) as con:
        for file in files:
            columns = con.read_parquet(file).columns
            then = "otherwise" if "otherwise" in columns else "NULL::VARCHAR"
            rows = con.execute(
                f"""
                WITH c AS (
                  SELECT entity, unnest(changed) AS attribute, told_by::JSON AS told, {then}::JSON AS rest
                  FROM read_parquet(?) WHERE change = 'Update'),
                v AS (
                  SELECT entity, attribute, json_type(told) = 'VARCHAR' AS alone,
                    CASE WHEN json_type(told) = 'VARCHAR' THEN told->>'$' ELSE json_extract_string(told, '$."' || attribute || '"') END
                      AS source, json_extract(rest, '$."' || attribute || '"[0]') AS entry
                  FROM c)
                SELECT entity, attribute, source, CASE WHEN alone THEN '' WHEN entry IS NULL THEN '{SAME}'
                  ELSE coalesce(entry->>'$.source', '{NOBODY}') END, count(*)
                FROM v WHERE source IS NOT NULL AND attribute <> 'entity' GROUP BY ALL ORDER BY 5 DESC, 4
                """,  # noqa: S608 - names of ours
                [file],
            ).fetchall()
            for entity, attribute, source, other, n in rows:
                found.setdefault((entity, attribute, source), {})[other] = n
    made = [
        Whose(*key, sum(then.values()), {other: n for other, n in then.items() if other}) for key, then in found.items()
    ]
    return tuple(sorted(made, key=lambda w: (-w.values, w.entity, w.attribute, w.source)))


def page(out: Console, found: Sequence[Whose], most: int | None = None) -> None:
    """A table of at most `most` rows."""
    if not found:
        return
    rows = [(w.entity, w.attribute, w.source.replace(",", ", "), w.values, _listed(w)) for w in found[:most]]
    columns = ("Entity", "Attribute", "Value of", "Values", "Without it, the value of")
    table(
        out, columns, rows, ("Values",), "Whose the changed values of the roster are", fold="Without it, the value of"
    )
    if len(found) > len(rows):
        say(out, f"… and {number(len(found) - len(rows))} more rows; these have the most values.\n")


def _listed(whose: Whose) -> str:
    if not whose.then:
        return "nobody: it alone has the record"
    return ", ".join(f"{name.replace(',', '+')} {number(n)}" for name, n in whose.then.items())
