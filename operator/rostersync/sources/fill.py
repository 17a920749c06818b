"""How often attributes have a value, for Test Connection."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from rostersync.model import Entity
from rostersync.roster import BY_NAME, RANK, ROLES
from rostersync.sources.port import Filled


class Fill:
    """Counts the rows that have a value, by entity and attribute."""

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()
        self._sampled: Counter[str] = Counter()
        self._filled: Counter[tuple[str, str]] = Counter()

    def has_all_people(self) -> bool:
        """Whether every entity of users was among the rows."""
        return all(self._sampled[str(e)] for e in RANK)

    def rows_of(self, collection: str) -> int:
        """How many rows of a collection were counted."""
        return self._rows[collection]

    def add(self, collection: str, batch: pa.RecordBatch) -> None:
        """Count the rows of a page."""
        table = BY_NAME[collection]
        self._rows[collection] += batch.num_rows
        for row in batch.to_pylist():
            entity = _entity(collection, row)
            self._sampled[entity] += 1
            for name in table.names:
                if row[name] is not None:
                    self._filled[entity, name] += 1
            for item in row.get("userIds") or ():
                self._filled[entity, f"userIds[type={item['type']}].identifier"] += 1
            for key, _ in row["metadata"] or ():
                self._filled[entity, f"metadata.{key}"] += 1

    def rows(self) -> Iterable[Filled]:
        """The counts by entity and attribute, the most filled attribute first."""
        for (entity, attribute), filled in sorted(self._filled.items(), key=lambda i: (i[0][0], -i[1], i[0][1])):
            yield Filled(entity, attribute, filled, self._sampled[entity])


def _entity(collection: str, row: dict[str, Any]) -> str:
    """The entity of a row; for users of an unknown role, the collection's name."""
    if collection == "users":
        roles = [row["role"]] if row["role"] else row["roles"] or []
        entities = {ROLES[r] for r in roles if isinstance(r, str) and r in ROLES}
        return next((str(e) for e in RANK if e in entities), collection)
    if collection == "orgs":
        return str(Entity.SCHOOL if str(row["type"] or "").lower() == "school" else Entity.DISTRICT)
    return str(BY_NAME[collection].entities[0])
