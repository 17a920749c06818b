"""Rules of Data Requirements, and how many records break one. Reads `checked_<table>`."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from rostersync.api.v1alpha1.requirements import DataRequirement
from rostersync.errors import Permanent
from rostersync.model import Entity
from rostersync.roster import Table
from rostersync.tables.context import Context
from rostersync.tables.of_schools import only_mine


@dataclass(frozen=True)
class Rule:
    """One data requirement, with its place in the connection and the flag column it sets."""

    number: int
    requirement: DataRequirement

    @property
    def flag(self) -> str:
        return f"_rule_{self.number}"

    @property
    def place(self) -> str:
        return f"dataRequirements[{self.number}]"


def broken_holds(context: Context, *, mine: bool) -> Mapping[Entity, int]:
    """How many records of each entity break a rule whose action is Hold. `mine`: only those of `mine_<table>`."""
    holds: Counter[Entity] = Counter()
    for table in (t for t in context.tables if context.takes(t)):
        for rule in rules_of(context, table):
            if rule.requirement.action == "Hold" and (broken := _broken(context, table, rule, mine=mine)):
                holds[rule.requirement.entity] += broken
    return holds


def rules_of(context: Context, table: Table) -> list[Rule]:
    """The data requirements of a table, in their order."""
    return [Rule(i, r) for i, r in enumerate(context.spec.dataRequirements) if r.entity in table.entities]


def _broken(context: Context, table: Table, rule: Rule, *, mine: bool = False) -> int:
    which = only_mine(table, mine=mine)
    return int(context.one(f"SELECT count(*) FROM checked_{table.name} WHERE {rule.flag} AND {which}") or 0)


def fail_if_broken(context: Context, table: Table, rules: list[Rule]) -> None:
    """Stop for a broken rule with the action Fail."""
    for rule in rules:
        if rule.requirement.action == "Fail" and (broken := _broken(context, table, rule)):
            of, attribute = rule.requirement.entity.value, rule.requirement.attribute
            records, have = ("record", "has") if broken == 1 else ("records", "have")
            what = "a value that is not allowed in" if rule.requirement.format or rule.requirement.pattern else "no"
            raise Permanent(
                f"{broken:,} {of} {records} {have} {what} {attribute}, and the data requirement on {attribute} of {of} "
                f"({rule.place}) has the action Fail; fix the {records} in the SIS, or choose another action",
                reason="RequirementFailed",
            )
