"""What Jobs take turns on: their district's store, or if Jobs share the store, only their connection's volume. Pure.

No name of a district has a slash, so the two kinds of turns never collide.
"""

from collections.abc import Mapping

from rostersync.controller.options import CONNECTION_LABEL, DISTRICT_LABEL, STORE_LABEL
from rostersync.lifecycle.names import label_value

_CONNECTION = "connection/"


def of_connection(label: str) -> str:
    """The turn of a connection's Jobs, from the value of its label."""
    return f"{_CONNECTION}{label}"


def is_of_connection(turn: str) -> bool:
    """Whether a turn is a connection's, not a district's."""
    return turn.startswith(_CONNECTION)


def label(turn: str) -> str:
    """A turn in the form of `of_labels`, since a district's name may be too long for a label."""
    return turn if is_of_connection(turn) else label_value(turn)


def of_labels(marks: Mapping[str, str]) -> str:
    """The turn of a Job or a pod, from its labels."""
    if STORE_LABEL in marks:
        return of_connection(marks.get(CONNECTION_LABEL, ""))
    return marks.get(DISTRICT_LABEL, "")
