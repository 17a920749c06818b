"""What is usual for a source: the medians of what its last plans changed, shown to people beside the current plan."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from duckdb import DuckDBPyConnection

from rostersync.api.v1alpha1.connection import Connection
from rostersync.api.v1alpha1.defaults import district
from rostersync.plan.manifest import Usual
from rostersync.sources.registry import profile_of
from rostersync.stores.port import AppliedCounts, StoreReader

LOOK_BACK = timedelta(days=400)
RUNS = 10  # the number of last revisions with changes
LEAST = 3  # fewer say nothing about what is usual
_CHANGES = ("created", "updated", "deleted")


def usual_of(reader: StoreReader, con: DuckDBPyConnection, connection: Connection, now: datetime) -> Usual:
    """What is usual for a connection's source. `con` has the store attached."""
    return usual(
        reader.applied_since(con, district(connection), profile_of(connection).source_id(connection), now - LOOK_BACK)
    )


def usual(applied: Iterable[AppliedCounts]) -> Usual:
    """By entity, the medians of what the last runs created, updated and deleted. Nothing where there are too few runs.

    `applied` is in the order of revisions. The first import, which created everything, is not counted.
    """
    runs: dict[Any, dict[str, AppliedCounts]] = {}
    for row in applied:
        if row.school is None:
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
