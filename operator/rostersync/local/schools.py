"""Schools by the words that people type: a name, or an id in the store or in the source, as `diff` takes them."""

from contextlib import suppress

from rostersync.errors import RostersyncError
from rostersync.local.plans import opened_plan
from rostersync.local.state import State
from rostersync.render import orgs
from rostersync.render.orgs import NAMELESS, Orgs


def ids_of(state: State, connection: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """The store's ids of the schools that are meant, as far as a plan of the connection knows them.

    A word that no plan knows stays as it is: it may be the id of a school that is new. Raises Permanent (UnknownSchool)
    where several schools have the name.
    """
    known = known_to_plans(state, connection) if words else NAMELESS
    found: list[str] = []
    for word in words:
        of = known.mapped(word)
        found += known.ids([word]) if of else [word]
    return tuple(dict.fromkeys(found))


def known_to_plans(state: State, connection: str) -> Orgs:
    """The organisations of the newest plan of the connection that has any and can be opened."""
    for run in state.runs(connection):
        with suppress(RostersyncError), opened_plan(state, run["metadata"]["name"]) as plan:
            if (known := orgs.read(plan)).all:
                return known
    return NAMELESS


def by_name(error: RostersyncError | None, state: State, connection: str, words: tuple[str, ...]) -> str:
    """What to add to an error that lists schools by id alone: their names, and first those that are near the `words`.

    Empty for other errors, and where none is known.
    """
    if error is None or error.reason not in ("SchoolNotMapped", "UnknownSchool"):
        return ""
    known = known_to_plans(state, connection)
    strange = [word for word in words if word not in known.by_id]
    alike = f"Near: {near}. " if (near := known.near(*strange)) else ""
    return f"{alike}The schools of the last plan, by name: {listed}." if (listed := known.listed()) else ""
