"""Link: what stays, what leaves, and what leaves with it.

References are resolved against the resulting store, in dependency order. Reads `required_<table>`,
`duplicates_<table>` and the store. Writes for every table:

- `fates_<table>` (id, entity, fate, has_error, dangling, owed, unsure): every pulled record. Fate NULL is accepted.
  `dangling` names the required reference that finds nothing
- `unmatched_<table>` (id, entity, fate, seen, taken): records of the store that this pull does not accept
- `deletes_<table>` (id, entity, cause, deferred): what leaves the store, and what would leave if it were not deferred
- `targets_<table>` (id, there, gone, deferred, taken, absent): what a reference finds. `there` means: in the resulting
  store; `absent`: new there, but only because something is deferred
- `final_<table>` (id, entity, attributes, metadata): accepted records as the store will have them
- `differing_<table>`, for enrolments and demographics only: accepted records that are new or differ from the store's
- `trimmed_<table>`: records of the store that stay but lose an optional reference
"""

from dataclasses import dataclass

from rostersync.roster import ORGS, USERS
from rostersync.sync.link.fates import any_fate, goes_through_once, lay_out_fates, lay_out_unmatched
from rostersync.sync.link.last_organisations import keep_last_organisations
from rostersync.sync.link.leaving import lay_out_deletes, lay_out_people_of_vanished, leans_on
from rostersync.sync.link.resulting import lay_out_final, lay_out_targets, lay_out_trimmed
from rostersync.tables.context import Context


@dataclass(frozen=True)
class Linked:
    """The tables that have a `differing_<table>`."""

    differing: frozenset[str]


def link(context: Context, duplicated: frozenset[str], *, vanished: bool, held: frozenset[str] = frozenset()) -> Linked:
    """Resolve every table.

    `duplicated` names the tables that have a `duplicates_<table>` with records. `vanished` says that a mapped school
    has vanished, so that what refers to it is protected. `held` names the tables that have a `held_back_<table>`: records that
    cannot be accepted beside those of other sources.
    """
    differing = {table.name for table in context.tables if goes_through_once(context, table)}
    for table in context.tables:
        context.begin("link", table)
        incomplete = [c for c in leans_on(table, context.links) if not context.complete(c)]
        lay_out_fates(context, table, duplicates=table.name in duplicated, held=table.name in held)
        lay_out_unmatched(context, table)
        found = any_fate(context, table)
        deferring = context.deferring or bool(incomplete)
        lay_out_deletes(context, table, found, deferring=deferring, vanished=vanished)
        lay_out_targets(context, table, unsure=found.owed or found.unsure)
        if table is ORGS:
            of_people = context.deferring or any(not context.complete(c) for c in leans_on(USERS, context.links))
            if keep_last_organisations(
                context, duplicates=USERS.name in duplicated, held=USERS.name in held, deferring=of_people
            ):
                lay_out_targets(context, table)
        lay_out_final(context, table, refused=found.refused)
        lay_out_trimmed(context, table)
        if table is USERS and vanished:
            lay_out_people_of_vanished(context)
    return Linked(frozenset(differing))


def resolve_again(context: Context) -> None:
    """Make `final_` and `trimmed_<table>` anew from `targets_<table>`, of which some were changed."""
    for table in context.tables:
        lay_out_final(context, table, refused=True)
        lay_out_trimmed(context, table)
