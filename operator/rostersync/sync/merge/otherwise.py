"""What the roster's values would be if the sources that they are of had none: of changed records that several sources have.

JSON members as text, an attribute with a list of {without, value, source}. A value that one source tells has one of these: what the
next source has, null where none has any. A list of references, which is united, has one for each source without which it would be
another.
"""

from collections.abc import Sequence

from rostersync.roster import Attribute, Kind
from rostersync.sync.merge.parts import json_of_source, part_column, source_of
from rostersync.sync.merge.ranks import chosen
from rostersync.tables.differing import json_of
from rostersync.tables.sql import literal, q


def member(a: Attribute, parts: int) -> str:
    """An attribute's member, as SQL over joined parts with their choices. Null where no source has a value."""
    each, begin = [part_column(a.name, i) for i in range(parts)], literal(f'"{a.name}":[')
    if a.kind is Kind.REFS:
        entries = ", ".join(_lacking(each, i) for i in range(parts))
        return f"CASE WHEN {q(a.name)} IS NOT NULL THEN {begin} || concat_ws(',', {entries}) || ']' END"
    best, second = q(f"best {a.name}"), q(f"second {a.name}")
    names = [json_of_source(i) for i in range(parts)]
    entry = _instead(chosen(best, names), json_of(chosen(second, each)), f"coalesce({chosen(second, names)}, 'null')")
    return f"CASE WHEN {best} IS NOT NULL THEN {begin} || {entry} || ']' END"


def united(lists: Sequence[str]) -> str:
    """Lists of references as one. Null where there are none."""
    if len(lists) == 1:
        return lists[0]
    some = f"coalesce({', '.join(lists)})"
    same = " AND ".join(f"coalesce({x} = {some}, TRUE)" for x in lists)
    return f"CASE WHEN {same} THEN {some} ELSE list_sort(list_distinct(list_concat({', '.join(lists)}))) END"


def names_of(lists: Sequence[str], besides: int | None = None) -> str:
    """The sources that have any of these, but for one, in one text. Empty where none has."""
    whose = (f"CASE WHEN {x} IS NOT NULL THEN {source_of(i)} END" for i, x in enumerate(lists) if i != besides)
    return f"concat_ws(',', {', '.join(whose)})"


def _lacking(lists: Sequence[str], i: int) -> str:
    """The entry of united lists without one of them, null where they are the same without it."""
    others = [x for number, x in enumerate(lists) if number != i]
    if not others:
        return "NULL"
    rest = united(others)
    entry = _instead(json_of_source(i), json_of(rest), json_of(f"nullif({names_of(lists, i)}, '')"))
    return f"CASE WHEN {lists[i]} IS NOT NULL AND {rest} IS DISTINCT FROM {united(lists)} THEN {entry} END"


def _instead(without: str, then: str, whose: str) -> str:
    return f"""'{{"without":' || {without} || ',"value":' || {then} || ',"source":' || {whose} || '}}'"""
