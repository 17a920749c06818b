"""Nobody is left without an organisation because one leaves: it stays as long as somebody has no other.

People who are held back, who are not sent and stay, or whose entity is not taken keep their values in the store. An
organisation that leaves would be taken from them. If they have no other, it stays instead, and is counted as kept. If
they stay only because deletes of people are deferred, the delete of the organisation is deferred too.
"""

from rostersync.model import Cause
from rostersync.roster import ORGS, USERS
from rostersync.sync.link.leaving import direct_cause
from rostersync.tables.context import Context
from rostersync.tables.sql import literal


def keep_last_organisations(context: Context, *, duplicates: bool, held: bool, deferring: bool) -> bool:
    """Take those organisations out of `deletes_orgs`, or defer their deletes. Returns whether there were any.

    Makes `last_orgs` (id, wished): what stays; `wished` if it would even once everything was read completely.
    `duplicates` and `held` say that `duplicates_users` and `held_back_users` have records, `deferring` that deletes of
    people are deferred. Reads `targets_orgs`, which must be made again if it returns true.
    """
    context.sql("CREATE OR REPLACE TEMP TABLE last_orgs (id VARCHAR, wished BOOLEAN)")
    if not context.exists("deletes_orgs"):
        return False
    _lay_out_bereft(context)
    if not context.exists("bereft"):
        return False
    duplicate = "s.id IN (SELECT id FROM duplicates_users)" if duplicates else "FALSE"
    beside = "s.id IN (SELECT id FROM held_back_users)" if held else "FALSE"
    refused = f"NOT s.seen OR s.fate IS NOT NULL OR {duplicate} OR {beside}"
    explicit = "FALSE" if context.deferring else f"cause = {literal(Cause.SOURCE_DELETED)}"
    context.sql(f"""
        INSERT INTO last_orgs
        WITH s AS (
            SELECT b.*, r.id IS NOT NULL AS seen, r.fate, coalesce(r.orgSourcedIds, []) AS sent
            FROM bereft b LEFT JOIN (FROM required_users SEMI JOIN bereft USING (id)) r ON r.id = b.id),
        judged AS (
            SELECT s.orgSourcedIds, s.at_once, CASE WHEN s.taken THEN {direct_cause(context, USERS)} END AS cause,
              {refused} OR {_nowhere(context, "there")} AS stays, {refused} OR {_nowhere(context, "there AND NOT deferred")} AS would_stay
            FROM s),
        lasting AS (
            SELECT unnest(orgSourcedIds) AS id,
              at_once AND stays AND NOT (cause IS NOT NULL AND ({explicit} OR {"FALSE" if deferring else "TRUE"})) AS really,
              would_stay AND cause IS NULL AS wished
            FROM judged)
        SELECT l.id, bool_or(l.wished) AS wished
        FROM lasting l JOIN deletes_orgs d ON d.id = l.id GROUP BY l.id HAVING bool_or(l.really)
    """)
    if not context.exists("last_orgs"):
        return False
    context.sql("DELETE FROM deletes_orgs d USING last_orgs l WHERE l.id = d.id AND l.wished")
    context.sql("UPDATE deletes_orgs d SET deferred = TRUE FROM last_orgs l WHERE l.id = d.id")
    return True


def _nowhere(context: Context, condition: str) -> str:
    """Whether none of the organisations that a person is sent with is there. Untaken ones may be anywhere."""
    if not context.taken.issuperset(ORGS.entities):
        return "FALSE"
    there = f"(SELECT coalesce(list(id), []) FROM targets_orgs WHERE {condition})"
    return f"len(s.sent) > 0 AND NOT list_has_any(s.sent, {there})"


def _lay_out_bereft(context: Context) -> None:
    """Make `bereft` (id, orgSourcedIds, taken, at_once): people of the store all of whose organisations leave.

    They leave with this plan (`at_once`), or once everything was read completely.
    """
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE bereft AS
        WITH people AS (
            SELECT id, orgSourcedIds, entity IN {context.taken_of(USERS)} AS taken FROM store_users
            WHERE status = 'active' AND len(orgSourcedIds) > 0),
        lists AS (SELECT DISTINCT orgSourcedIds AS list FROM people),
        leaving AS (
            SELECT list, bool_and(NOT d.deferred) AS at_once
            FROM (SELECT list, unnest(list) AS id FROM lists) i LEFT JOIN deletes_orgs d ON d.id = i.id
            GROUP BY list HAVING bool_and(d.id IS NOT NULL))
        SELECT p.id, p.orgSourcedIds, p.taken, l.at_once FROM people p JOIN leaving l ON l.list = p.orgSourcedIds
    """)
