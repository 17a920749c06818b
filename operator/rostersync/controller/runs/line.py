"""The runs of a connection that wait for their first Job, oldest first: only the first is looked at when something changes.

Those behind it are told once that they wait. So thousands of them cost one write each, and nothing more, until it is
their turn.
"""

from rostersync.controller.cluster.cache import RUNS, Cache, Object, begun, over, place_of


def behind(store: Cache, run: Object) -> bool:
    """Whether another run of the connection was made before it and has not begun."""
    if begun(run) or over(run):
        return False
    first = store.first(RUNS, f"waiting/{place_of(run)}")
    return first is not None and first["metadata"]["uid"] != run["metadata"]["uid"]


def concerned(store: Cache, where: str) -> list[Object]:
    """The open runs of a connection (`place`) that a change may move: those that have begun, and the first that waits."""
    first = store.first(RUNS, f"waiting/{where}")
    return [*store.related(RUNS, f"begun/{where}"), *([first] if first else [])]
