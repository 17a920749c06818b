"""The engine makes the roster of several sources as the reference model does: pairs, triples and more, plan after plan.

The engine makes the rosters of many districts at once, which costs no more than one. Nothing of one may show in another.
"""

import random
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from support.merging import after, merged
from support.reference_roster import Key, Record, Roster, Row, unite
from support.several_sources import (
    SeveralSources,
    Words,
    owns_together,
    rosters_together,
    taken_back,
    together,
)

SHARDS, DISTRICTS, PLANS = 5, 36, 6
BATCHES = ((2, False), (3, True), (5, False))  # how many sources; whether the youngest only adds to others' records


@pytest.mark.parametrize("shard", range(SHARDS))
def test_engine_and_model_make_one_roster(shard: int, tmp_path: Path) -> None:
    con = duckdb.connect(config={"threads": 1})
    seen: set[str] = set()
    for sources, adds in BATCHES:
        seen |= agree(con, f"{shard}/{sources}", sources, tmp_path, adds=adds)
    wanted = {"Merged", "Relinked", "SettingsChanged", "Restored", "Cascade", "Duplicate", "IdTaken", "Unmatched"}
    assert seen >= wanted, wanted - seen


def agree(con: duckdb.DuckDBPyConnection, example: str, sources: int, folder: Path, *, adds: bool) -> set[str]:
    """Compare districts over their plans. Returns the causes and reasons that occurred."""
    rng = random.Random(example)
    names = [f"s{n}" for n in range(sources)]
    brings = {names[-1]: False} if adds else {}
    words = Words.some(rng, names, brings)
    districts = [SeveralSources(rng, words, f"{n:02d}") for n in range(DISTRICTS)]
    seen: set[str] = set()
    for number in range(PLANS):
        source = rng.choice(names)
        new_words = number in (0, 3) or rng.random() < 0.1
        words = Words.some(rng, names, brings) if new_words else words
        for each in districts:
            each.new_words = new_words
            each.take(words)
        proposed = [each.propose(source) for each in districts]
        held: list[set[Record]] = [set() for _ in districts]
        never = rng.random() < 0.15  # nothing is held back, and the roster must be made all the same
        while True:
            made = [unite(*each) for each in proposed]
            expected = rosters_together(made)
            before = together(d for d, _ in proposed).roster
            found = merged(con, folder, together(d for d, _ in proposed), owns_together(o for _, o in proposed))
            told = f"example {example}, plan {number}"
            assert found.held == expected.held, told
            assert found.records == expected.records, told
            assert found.rows == expected.rows, told
            assert found.told_by == {k: v for k, v in expected.told_by.items() if k in found.told_by}, told
            assert found.otherwise == asked(expected, found.otherwise, before), told
            assert found.owners == expected.owners, told
            assert found.changes == expected.changes, told
            seen |= {cause for _, cause in expected.changes.values()} | set(expected.held.values())
            new = [{r for r in m.held if r[1] == source} - h for m, h in zip(made, held, strict=True)]
            if never or not any(new):
                break
            held = [h | n for h, n in zip(held, new, strict=True)]
            proposed = [
                s.with_own(source, taken_back(s.district, d, o, h), o.targets)
                for s, (d, o), h in zip(districts, proposed, held, strict=True)
            ]
        for each, (district, own), roster in zip(districts, proposed, made, strict=True):
            each.district = after(district, own, roster)
    return seen


def asked(
    made: Roster, touched: Collection[Key], before: Mapping[Key, Row]
) -> dict[Key, dict[str, list[tuple[str, Any, str | None]]]]:
    """What changed values would be without their sources: of the records that several sources have."""
    parts = Counter((table, rid) for (table, _, _), rid in made.records.items())
    found = {}
    for key in (key for key, number in parts.items() if number > 1 and key in touched):
        then, was, will = made.otherwise.get(key, {}), values(before.get(key, {})), values(made.rows[key])
        changed = key in made.changes
        found[key] = {n: each for n, each in then.items() if changed and (not was or was.get(n) != will.get(n))}
    return found


def values(row: Row) -> Row:
    """Attributes that have one, and keys of metadata as attributes of their own."""
    keys = {f"metadata.{k}": v for k, v in (row.get("metadata") or {}).items()}
    return {n: v for n, v in (row | keys).items() if v is not None and n != "metadata"}
