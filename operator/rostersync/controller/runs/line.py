"""The runs of a connection that wait for their first Job, oldest first. A change reconciles only the first.

The status of each run behind it is written once, to say that it waits. So thousands of waiting runs cost one write
each.
"""

from rostersync.controller.cluster.cache import RUNS, Cache, Object, begun, over, place_of


def behind(store: Cache, run: Object) -> bool:
    """Whether an older run of the connection has not begun either."""
    if begun(run) or over(run):
        return False
    first = store.first(RUNS, f"waiting/{place_of(run)}")
    return first is not None and first["metadata"]["uid"] != run["metadata"]["uid"]


def concerned(store: Cache, where: str) -> list[Object]:
    """The open runs of a connection that a change may affect: those that have begun, and the first that waits."""
    first = store.first(RUNS, f"waiting/{where}")
    return [*store.related(RUNS, f"begun/{where}"), *([first] if first else [])]
