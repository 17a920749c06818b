"""All issues of a plan in one table: what Data Requirements found, and what held records back."""

from rostersync.roster import TABLES, Table
from rostersync.sync import require
from rostersync.sync.context import NOT_TAKEN, Context, in_list, literal

_SAID_ELSEWHERE = ("RequirementSkipped", "RequirementRemove")  # Data Requirements name these with their rule


def report_issues(context: Context) -> None:
    """Fill `issues` (entity, id, class, code, attribute, rule, action)."""
    for table in TABLES:
        if not context.takes(table):
            continue
        flagged = f"(SELECT 1 FROM fates_{table.name} WHERE has_error OR fate IN {in_list(_SAID_ELSEWHERE)})"
        if context.exists(flagged):
            require.report(context, table)
            # What is left out silently has nothing to report.
            context.sql(f"""
                DELETE FROM issues WHERE entity IN {in_list(e.value for e in table.entities)}
                  AND id IN (SELECT id FROM fates_{table.name} WHERE fate = {literal(NOT_TAKEN)})
            """)
        _held_back(context, table)


def _held_back(context: Context, table: Table) -> None:
    context.sql(f"""
        INSERT INTO issues
        SELECT entity, id, CASE fate WHEN 'Duplicate' THEN 'Duplicate' ELSE 'Skipped' END, fate,
          CASE fate WHEN 'UnknownStatus' THEN 'status' WHEN 'UnknownRole' THEN 'role'
            WHEN 'DanglingReference' THEN dangling END, NULL, 'Skip'
        FROM fates_{table.name} WHERE fate IN ('UnknownStatus', 'UnknownRole', 'Duplicate', 'DanglingReference')
    """)
