"""The connections of a state folder, each as its newest run had it."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from rostersync.api.kinds import Ref, key_of
from rostersync.errors import Permanent
from rostersync.execution.workspace import stored_connection
from rostersync.local.state import State, is_name
from rostersync.render.connection import Shown


def named(state: State, name: str) -> Ref | None:
    """The connection that a person named. None where a run has the name, or no run is of such a connection."""
    if is_name(name) and state.find(name):
        return None
    known = sorted({Ref.of_key(key_of(run)) for run in state.runs()}, key=lambda ref: not ref.is_default)
    with suppress(Permanent):
        said = Ref.parse(name)
        return next((ref for ref in known if ref == said or ref.name == name), None)
    return None


def shown(state: State, of: Ref) -> Shown:
    """A connection for its page. Raises Permanent when none of its runs has it any more."""
    found = dict(_connections(state))
    if of not in found:
        raise Permanent(
            f"No run of {of.in_words} in {state.root} has its connection any more; run again.", reason="ArtifactsGone"
        )
    return Shown(found[of], state.runs(), list(found.values()))


def _connections(state: State) -> Iterator[tuple[Ref, dict[str, Any]]]:
    runs = state.runs()
    for ref in {Ref.of_key(key_of(run)): None for run in runs}:
        for run in (r for r in runs if key_of(r) == ref.key):
            with suppress(Permanent):
                made = stored_connection(state.layout.folder(run["metadata"]["name"]))
                # Only what was said: a directory may not say, for example, what its Schools Mapping would be by default.
                yield ref, made.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
                break
