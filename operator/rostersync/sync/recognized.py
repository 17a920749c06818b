"""Names beside issues, so that somebody finds the record in the source: an id such as a GUID is none that people know.

They stay in the plan's folder, which holds records, and are outside of the digest. A person has the name and the user name (or the
e-mail address), as in `Ann Lee (alee)`; what has a title or a name has that.
"""

from rostersync.roster import USERS, Table
from rostersync.tables.context import Context
from rostersync.tables.sql import in_list

_PERSON = """concat_ws(' ', nullif(trim(concat_ws(' ', givenName, familyName)), ''),
    CASE WHEN coalesce(username, email) IS NOT NULL THEN '(' || coalesce(username, email) || ')' END)"""


def with_names(context: Context, issues: str) -> str:
    """SQL for the rows of a table of issues with one column more, `name`: as it was sent, else as the store has it."""
    joins, names = "", []
    for table in context.tables:
        entities, told = in_list(e.value for e in table.entities), _told(table)
        if not told or not context.exists(f"(SELECT 1 FROM {issues} WHERE entity IN {entities} AND id IS NOT NULL)"):
            continue
        joins += f"""
            LEFT JOIN (
              SELECT id, coalesce(min(name) FILTER (sent), min(name)) AS name FROM (
                SELECT id, {told} AS name, TRUE AS sent FROM required_{table.name}
                UNION ALL SELECT id, {told}, FALSE FROM store_{table.name} WHERE status = 'active')
              WHERE id IN (SELECT id FROM {issues} WHERE entity IN {entities}) GROUP BY id
            ) of_{table.name} ON of_{table.name}.id = i.id AND i.entity IN {entities}"""
        names.append(f"of_{table.name}.name")
    name = f"coalesce({', '.join(names)})" if names else "NULL::VARCHAR"
    return f"SELECT i.*, nullif({name}, '') AS name FROM {issues} i{joins}"


def _told(table: Table) -> str:
    if table is USERS:
        return _PERSON
    return next((name for name in ("title", "name") if name in table.names), "")
