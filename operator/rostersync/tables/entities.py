"""The entity of a staged row, as SQL over its columns: organisations by their type, people by their roles."""

from rostersync.model import Entity
from rostersync.roster import ORGS, RANK, ROLES, USERS, Table
from rostersync.tables.sql import in_list, literal


def entity_of(table: Table) -> str:
    """The entity of a row of `staged_<table>`. Null for people without a known role."""
    if table is ORGS:
        return "CASE WHEN lower(type) = 'school' THEN 'School' ELSE 'District' END"
    return _user() if table is USERS else literal(table.entities[0].value)


def deciding_role() -> str:
    """The role that decided a person's `entity`, in OneRoster's spelling if it is known."""
    spelled = " ".join(f"WHEN {literal(r.lower())} THEN {literal(r)}" for r in ROLES)
    highest = " ".join(
        f"WHEN {literal(e.value)} THEN list_sort(list_filter(roles, lambda r: lower(r) IN {_roles_of(e)}))[1]"
        for e in RANK
    )
    decided = f"coalesce(role, CASE entity {highest} END)"
    return f"CASE lower({decided}) {spelled} ELSE {decided} END"


def _user() -> str:
    """Entity of the primary role, else of the highest of all roles. Null when that role is unknown."""
    primary = " ".join(f"WHEN lower(role) IN {_roles_of(e)} THEN {literal(e.value)}" for e in RANK)
    among = " ".join(
        f"WHEN list_has_any(list_transform(roles, lambda r: lower(r)), [{_roles_of(e)[1:-1]}]) THEN {literal(e.value)}"
        for e in RANK
    )
    return f"CASE WHEN role IS NOT NULL THEN CASE {primary} END ELSE CASE {among} END END"


def _roles_of(entity: Entity) -> str:
    return in_list(sorted(r.lower() for r, e in ROLES.items() if e is entity))
