"""Pieces of SQL: the roster's own names and constants, as the stages' statements use them.

Nothing of a connection passes through here, since configuration reaches the engine as bound constants.
"""

from collections.abc import Iterable, Mapping

from rostersync.fate import Fate
from rostersync.roster import Table

PREFIX = "getvariable('sis_id_prefix')"  # set once a plan, as a bound value


def q(name: str) -> str:
    """An identifier of ours (attribute, table), quoted, since `primary` and `type` are words of SQL too."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | None) -> str:
    """A text constant of ours as SQL. Never for configuration."""
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def in_list(values: Iterable[str]) -> str:
    """Constants of ours for `IN (…)`."""
    return "(" + ", ".join(literal(v) for v in values) + ")"


def first_fate(conditions: Mapping[Fate, str], said: str = "") -> str:
    """The fate of a record, as an expression: the first in precedence whose condition holds, NULL where none does.

    `said` is a fate from an earlier stage, which takes precedence.
    """
    earlier = f"WHEN {said} IS NOT NULL THEN {said} " if said else ""
    cases = " ".join(f"WHEN {conditions[fate]} THEN {literal(fate)}" for fate in Fate if fate in conditions)
    return f"CASE {earlier}{cases} END"


def row_json(table: Table, of: str = "") -> str:
    """A record in canonical form as JSON text: entity, attributes and metadata in fixed order."""
    dot = f"{of}." if of else ""
    fields = ", ".join(f"{q(n)} := {dot}{q(n)}" for n in ("entity", *table.names, "metadata"))
    return f"to_json(struct_pack({fields}))::VARCHAR"


def mark(table: Table, of: str = "") -> str:
    """64 bits that distinguish two records of one id: the engine's own hash of entity and typed values.

    It is computed for both sides of each comparison, and never stored.
    """
    dot = f"{of}." if of else ""
    return f"hash({', '.join(f'{dot}{q(n)}' for n in ('entity', *table.names, 'metadata'))})"
