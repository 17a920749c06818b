"""Whose value stands, as SQL over joined parts: of those that have one, that with the least rank, and who comes next.

A choice is a number that says rank and part: `(rank + 1) * parts + part`.
"""

from collections.abc import Sequence

from rostersync.model import Entity
from rostersync.roster import Attribute, Table
from rostersync.sync.merge.parts import part_column, source_of
from rostersync.sync.merge.words import CAME_LATER, NOT_OVERRIDDEN, OWNED, Source, Words
from rostersync.tables.sql import literal, q


def choices(table: Table, words: Words, sources: Sequence[Source]) -> dict[str, tuple[str, ...]]:
    """For each attribute, the choice of each part. Null where it has no value. They read `lead`, `owner of <attribute>`, `stood of <part>`."""
    ranks = {(entity, source): found for entity, source, found in words.ranks(table)}
    made = {}
    for number, a in enumerate(table.attributes):
        each = []
        for i in range(len(sources)):
            by_entity = [(e, int(ranks[e, sources[i].source][number])) for e in table.entities]
            each.append(_choice(a, i, len(sources), by_entity))
        made[a.name] = tuple(each)
    return made


def _choice(a: Attribute, i: int, parts: int, by_entity: Sequence[tuple[Entity, int]]) -> str:
    cases: dict[str, list[Entity]] = {}
    for entity, rank in by_entity:
        cases.setdefault(_ranked(rank, a, i, parts), []).append(entity)
    (first, _), *others = cases.items()
    whens = " ".join(
        f"WHEN lead = {literal(entity.value)} THEN {case}" for case, entities in others for entity in entities
    )
    return f"CASE WHEN {part_column(a.name, i)} IS NOT NULL THEN {f'CASE {whens} ELSE {first} END' if others else first} END"


def _ranked(rank: int, a: Attribute, i: int, parts: int) -> str:
    """A choice, with what is about this record where values are not overridden: whether it stood, and whether it owns the value."""
    choice = (rank + 1) * parts + i
    if rank < NOT_OVERRIDDEN:
        return str(choice)
    stood = f"CASE WHEN {part_column('stood', i)} THEN 0 ELSE {CAME_LATER * parts} END"
    owned = f"CASE WHEN {q(f'owner of {a.name}')} = {source_of(i)} THEN {OWNED * parts} ELSE 0 END"
    return f"{choice} + {stood} - {owned}"


def first(each: Sequence[str]) -> str:
    """The choice of those that stands. Null where none has a value."""
    return f"least({', '.join(each)})" if len(each) > 1 else each[0]


def after(each: Sequence[str], best: str) -> str:
    """The choice of those that comes next after the best."""
    return first([f"CASE WHEN {choice} > {best} THEN {choice} END" for choice in each])


def chosen(choice: str, each: Sequence[str]) -> str:
    """What belongs to the chosen part, of one for each part."""
    whens = " ".join(f"WHEN {i} THEN {value}" for i, value in enumerate(each))
    return f"CASE {choice} % {len(each)} {whens} END"


def is_owned(choice: str, parts: int) -> str:
    """Whether a choice is of a value that is not overridden."""
    return f"{choice} >= {(NOT_OVERRIDDEN - OWNED + 1) * parts}"
