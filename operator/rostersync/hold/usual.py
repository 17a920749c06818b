"""What is usual for a source: the medians of what its last plans changed, shown to people beside the current plan."""

from collections.abc import Iterable
from datetime import timedelta
from statistics import median
from typing import Any

from rostersync.plan.manifest import Usual
from rostersync.stores.port import AppliedCounts, StoreReader
from rostersync.tables.context import Context

LOOK_BACK = timedelta(days=400)
RUNS = 10  # the number of last revisions with changes
LEAST = 3  # fewer say nothing about what is usual
_CHANGES = ("created", "updated", "deleted")


def usual_of(context: Context, reader: StoreReader) -> Usual:
    """What is usual for this source."""
    return usual(reader.applied_since(context.con, context.district, context.source, context.as_of - LOOK_BACK))


def usual(applied: Iterable[AppliedCounts]) -> Usual:
    """By entity, the medians of what the last runs created, updated and deleted. Nothing where there are too few runs.

    `applied` is in the order of revisions. Neither counted is the first import, which created everything, nor what was no
    import of the whole district.
    """
    runs: dict[Any, dict[str, AppliedCounts]] = {}
    for row in applied:
        if row.school is None and row.whole:
            runs.setdefault(row.applied_at, {})[row.entity] = row
    counted = [run for run in runs.values() if any(row.population for row in run.values())][-RUNS:]
    if len(counted) < LEAST:
        return Usual()
    entities = sorted({entity for run in counted for entity in run})
    medians = {
        entity: {
            name: int(median(getattr(run[entity], name) if entity in run else 0 for run in counted))
            for name in _CHANGES
        }
        for entity in entities
    }
    return Usual(len(counted), medians)
