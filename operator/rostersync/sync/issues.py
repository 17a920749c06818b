"""All issues of a plan in one table: what Data Requirements found, and why records were held back."""

from rostersync.fate import DUPLICATES, HELD_BACK, Fate
from rostersync.roster import Table
from rostersync.sync import require
from rostersync.tables.context import Context
from rostersync.tables.counts import Tallies
from rostersync.tables.sql import in_list, literal

_SAID_ELSEWHERE = (Fate.REQUIREMENT_REMOVE, Fate.REQUIREMENT_SKIPPED)  # Data Requirements name these with their rule
_HELD_BACK = tuple(fate for fate in HELD_BACK if fate not in _SAID_ELSEWHERE)


def report_issues(context: Context, tallies: Tallies) -> None:
    """Fill `issues` (entity, id, class, code, attribute, rule, action)."""
    for table in context.tables:
        if not context.takes(table):
            continue
        known = tallies[table.name]
        if known.fated(*_SAID_ELSEWHERE) or any(has_error for _, _, has_error in known.fates):
            require.report(context, table)
            # Records that are silently left out have nothing to report.
            context.sql(f"""
                DELETE FROM issues WHERE entity IN {in_list(e.value for e in table.entities)}
                  AND id IN (SELECT id FROM fates_{table.name} WHERE fate = {literal(Fate.NOT_TAKEN)})
            """)
        if known.fated(*_HELD_BACK):
            _held_back(context, table)


def _held_back(context: Context, table: Table) -> None:
    context.sql(f"""
        INSERT INTO issues
        SELECT entity, id, CASE WHEN fate IN {in_list(DUPLICATES)} THEN 'Duplicate' ELSE 'Skipped' END, fate,
          CASE fate WHEN {literal(Fate.UNKNOWN_STATUS)} THEN 'status' WHEN {literal(Fate.UNKNOWN_ROLE)} THEN 'role'
            WHEN {literal(Fate.DANGLING_REFERENCE)} THEN dangling END, NULL, 'Skip'
        FROM fates_{table.name} WHERE fate IN {in_list(_HELD_BACK)}
    """)
