"""Words that a person may have meant."""

import difflib
from collections.abc import Iterable


def near(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Those of the `known` words that are spelled much like `word`, in any case, the most alike first."""
    spelled = {each.strip().casefold(): each for each in known}
    return [spelled[found] for found in difflib.get_close_matches(word.strip().casefold(), spelled, n=most, cutoff=0.6)]
