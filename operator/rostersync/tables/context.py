"""What the stages of one plan share: the connection to the engine, the configuration, and names of tables.

Stages hand over by tables in the engine's database, named `<stage>_<table>`; see ARCHITECTURE.md for the columns.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from rostersync.api.v1alpha1.connection import ConnectionSpec
from rostersync.model import Entity
from rostersync.roster import DEMOGRAPHICS, TABLES, Table
from rostersync.tables.counts import Stored, Tally

Progress = Callable[[str, str, int, int | None], None]

# What became of a pulled record; NULL means accepted so far. Precedence is the order in which stages set it.
REMOVED, NOT_TAKEN, KEPT = "Removed", "NotTaken", "Kept"
CONTRADICTORY = "ContradictoryRows"  # rows of one id that say different things, so that none is believed
DUPLICATES = ("Duplicate", CONTRADICTORY)  # what counts as a duplicate
PREFIX = "getvariable('sis_id_prefix')"  # set once a plan, as a bound value
HELD_BACK = (
    "UnknownStatus",
    "UnknownRole",
    "RequirementSkipped",
    "RequirementRemove",
    "Duplicate",
    CONTRADICTORY,
    "DanglingReference",
)


@dataclass
class Context:
    """One plan in the making."""

    con: DuckDBPyConnection
    spec: ConnectionSpec
    taken: frozenset[Entity]
    proof: dict[str, dict[str, Any]]
    as_of: datetime
    prefix: str
    memory: int  # bytes that the engine may take
    deferring: bool  # a DisableDeletion window is open
    progress: Progress = lambda *_: None
    staged_files: dict[str, list[Path]] = field(default_factory=dict)
    contradictory: set[str] = field(default_factory=set)  # tables with ids whose rows contradict each other
    compared: set[str] = field(default_factory=set)  # tables whose differing records were found while linking
    duplicated: set[str] = field(default_factory=set)  # tables that have records which share a domain of uniqueness
    vanished: bool = False  # a mapped school has vanished: what refers to it is protected
    requirement_holds: dict[str, int] = field(default_factory=dict)
    stored: dict[str, Stored] = field(default_factory=dict)  # what the store has of each table
    tallies: dict[str, Tally] = field(default_factory=dict)  # of each table, once its changes are known

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that a plan is about: all but demographics that are neither taken nor in the store, since nothing
        refers to them."""
        left_out = not self.takes(DEMOGRAPHICS) and not self.stored[DEMOGRAPHICS.name].active
        return tuple(t for t in TABLES if t is not DEMOGRAPHICS or not left_out)

    def takes(self, table: Table) -> bool:
        """Whether any entity of a table is taken from the source."""
        return any(e in self.taken for e in table.entities)

    def taken_of(self, table: Table) -> str:
        """The entities of a table that are taken, for `IN …`; a list that nothing is in when there are none."""
        return in_list(e.value for e in table.entities if e in self.taken) if self.takes(table) else "('')"

    def offered(self, name: str) -> bool:
        """Whether the server offers a collection at all."""
        return bool(self.proof.get(name, {}).get("offered"))

    def complete(self, name: str) -> bool:
        """Whether the pull of a collection was proved whole; one that is not offered stands in nobody's way."""
        return not self.offered(name) or bool(self.proof[name].get("complete"))

    def sql(self, text: str) -> None:
        """Run a statement; texts are the project's own, configuration reaches the engine as bound constants only."""
        self.con.execute(text)

    def one(self, text: str) -> Any:
        """The first column of the first row."""
        rows = self.con.execute(text).fetchall()  # to its end: an unfinished result blocks the connection
        return rows[0][0] if rows else None

    def exists(self, relation: str) -> bool:
        """Whether a table or view has any row."""
        return self.one(f"SELECT 1 FROM {relation} LIMIT 1") is not None

    def metadata_to_keep(self, *entities: Entity) -> list[str]:
        """Keys of metadata that the connection names for entities: records have these, and no others."""
        spec = self.spec
        named = [(m.entity, m.attribute) for m in spec.attributesMapping]
        named += [(r.entity, r.attribute) for r in spec.dataRequirements]
        named += [(r.entity, c.attribute) for r in spec.filterRules for c in r.conditions]
        named += [(d.entity, a) for d in spec.domainsOfUniqueness for a in d.attributes]
        return sorted({a.removeprefix("metadata.") for e, a in named if e in entities and a.startswith("metadata.")})


def q(name: str) -> str:
    """An identifier of ours (attribute, table), quoted: `primary` and `type` are words of SQL too."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | None) -> str:
    """A text constant of ours as SQL; never for configuration."""
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def columns(table: Table, of: str = "") -> str:
    """All attributes and metadata of a table as a list of columns."""
    dot = f"{of}." if of else ""
    return ", ".join(f"{dot}{q(n)}" for n in (*table.names, "metadata"))


def row_json(table: Table, of: str = "") -> str:
    """A record in canonical form as JSON text: entity, attributes and metadata in fixed order."""
    dot = f"{of}." if of else ""
    fields = ", ".join(f"{q(n)} := {dot}{q(n)}" for n in ("entity", *table.names, "metadata"))
    return f"to_json(struct_pack({fields}))::VARCHAR"


def mark(table: Table, of: str = "") -> str:
    """64 bits by which two records of one id are told apart: the engine's own hash of entity and typed values, which is
    made anew for both sides of a comparison and never stored."""
    dot = f"{of}." if of else ""
    return f"hash({', '.join(f'{dot}{q(n)}' for n in ('entity', *table.names, 'metadata'))})"


def in_list(values: Iterable[str]) -> str:
    """Constants of ours for `IN (…)`."""
    return "(" + ", ".join(literal(v) for v in values) + ")"


def progress_of(context: Context, stage: str, table: Table) -> None:
    """Say which table a stage works on."""
    context.progress(stage, table.name, TABLES.index(table), len(TABLES))
