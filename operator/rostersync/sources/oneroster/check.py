"""Test Connection: what the source has, and which attributes it fills. Reads all organisations and some of the rest."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from rostersync.model import Entity
from rostersync.roster import BY_NAME, RANK, ROLES
from rostersync.sources.oneroster.decode import Decoder
from rostersync.sources.oneroster.pages import Got, Pages
from rostersync.sources.oneroster.paging import Ask, Walk
from rostersync.sources.oneroster.pull import Pull
from rostersync.sources.oneroster.transport import Transport
from rostersync.sources.port import COLLECTIONS, CheckResult, Filled, Page, SchoolFound

OK = "Connection is OK"
SAMPLES = 3  # pages looked at, spread over the collection where its total is known


def check(transport: Transport) -> CheckResult:
    """Read a sample of every collection. Raises Permanent or Retryable with what to mend."""
    fill = Fill()
    totals: dict[str, int | None] = {}
    not_offered: list[str] = []
    schools: list[SchoolFound] = []
    for collection in COLLECTIONS:
        if collection == "orgs":
            orgs: list[Page] = []
            reading = Pull(transport, Decoder(collection, None), orgs.append).run()
            totals[collection] = reading.total if reading.total is not None else reading.rows
            for page in orgs:
                fill.add(collection, page.batch)
            schools = sorted(_schools(orgs), key=lambda s: s.id)
            continue
        pages = Pages(transport, Decoder(collection, None), Walk())
        first = pages.first()
        if first is None:
            not_offered.append(collection)
            continue
        totals[collection] = first.seen.total
        for got in (first, *_further(pages, first)):
            fill.add(collection, got.decoded.batch)
    return CheckResult(OK, tuple(schools), tuple(fill.rows()), totals, tuple(not_offered))


def _further(pages: Pages, first: Got) -> Iterable[Got]:
    total = first.seen.total or 0
    if first.seen.cursor is None:
        for i in range(1, SAMPLES):
            offset = total * i // SAMPLES
            if offset >= first.seen.rows > 0:
                got = pages.page(Ask(offset))
                if isinstance(got, Got):
                    yield got


def _schools(pages: Iterable[Page]) -> Iterable[SchoolFound]:
    found: dict[str, SchoolFound] = {}
    for page in pages:
        columns = (page.batch.column(n).to_pylist() for n in ("sourcedId", "name", "type"))
        for id_, name, type_ in zip(*columns, strict=True):
            if (type_ or "").lower() == "school":
                found[id_] = SchoolFound(id_, name)
    return found.values()


class Fill:
    """Counts, for each entity and attribute, the rows that have a value."""

    def __init__(self) -> None:
        self._sampled: Counter[str] = Counter()
        self._filled: Counter[tuple[str, str]] = Counter()

    def add(self, collection: str, batch: pa.RecordBatch) -> None:
        """Count the rows of a page."""
        table = BY_NAME[collection]
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
        """What was counted, by entity and attribute, most filled first."""
        for (entity, attribute), filled in sorted(self._filled.items(), key=lambda i: (i[0][0], -i[1], i[0][1])):
            yield Filled(entity, attribute, filled, self._sampled[entity])


def _entity(collection: str, row: dict[str, Any]) -> str:
    """The entity of a row; the collection's name for users whose role is not known."""
    if collection == "users":
        roles = [row["role"]] if row["role"] else row["roles"] or []
        entities = {ROLES[r] for r in roles if isinstance(r, str) and r in ROLES}
        return next((str(e) for e in RANK if e in entities), collection)
    if collection == "orgs":
        return str(Entity.SCHOOL if str(row["type"] or "").lower() == "school" else Entity.DISTRICT)
    return str(BY_NAME[collection].entities[0])
