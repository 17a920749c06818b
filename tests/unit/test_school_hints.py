"""Who limits a run to a school by another word than its id in the store is told that id, and nobody's name."""

import pytest

from rostersync.model import Schools
from rostersync.sync.preconditions import hint_of
from rostersync.sync.scope import Place, Scope, State

SENT = [("1", "Oak Hill"), ("2", "Elm Street"), ("3", "Twin"), ("4", "twin"), ("5", "Far Away"), ("9", None)]
KEPT = frozenset({"FOC-1", "FOC-2", "FOC-3", "FOC-4"})
PLACES = {raw: Place(State.MAPPED, f"FOC-{raw}", f"FOC-{raw}", State.MAPPED) for raw, _ in SENT}
SCOPE = Scope(PLACES, KEPT, frozenset(), {}, frozenset(), frozenset(), (), Schools())

HINTS = {
    "a name in any case": ("oak hill ", "oak hill  is FOC-1"),
    "the source's own id": ("2", "2 is FOC-2"),
    "a name of two": ("TWIN", "TWIN is FOC-3 or FOC-4"),
    "a name that is near": ("Oak Hil", "Near Oak Hil: FOC-1"),
    "a school that is not mapped": ("Far Away", ""),
    "nothing like it": ("xyz", ""),
}


@pytest.mark.parametrize(("word", "hint"), HINTS.values(), ids=HINTS)
def test_the_hint(word: str, hint: str) -> None:
    assert hint_of(word, SENT, SCOPE) == hint
