"""Points in time, from local times and from texts. No other module turns either into an instant."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)
# Zones differ from UTC by less than a day. Closer to the ends of the calendar no instant can be computed.
_FIRST, _LAST = datetime(1, 1, 3), datetime(9999, 12, 29)


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """A local time as an instant in UTC: the first moment at which clocks of the zone show it, or a later time.

    So a time that the clocks skip becomes the next one that exists, and one that comes twice is the first of the two. A
    time that already has a zone is not changed.
    """
    if local.tzinfo is not None:
        return local.astimezone(UTC)
    local = min(max(local, _FIRST), _LAST)
    # PEP 495: around a jump, fold 0 means the offset before it, and fold 1 the offset after it.
    latest = _read(local, zone, fold=0)
    if _shown(latest, zone) == local:
        return latest
    before = _read(local, zone, fold=1)
    while latest - before > _SECOND:  # bisect: clocks show an earlier time at `before`, and a later one at `latest`
        middle = before + (latest - before) // 2 // _SECOND * _SECOND
        middle = max(middle, before + _SECOND)
        if _shown(middle, zone) < local:
            before = middle
        else:
            latest = middle
    return latest


def parse_instant(text: str) -> datetime:
    """An ISO 8601 time as an instant. A time without a zone is UTC. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _read(local: datetime, zone: ZoneInfo, *, fold: int) -> datetime:
    return local.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _shown(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def stamp(at: datetime) -> str:
    """A time as the API writes it: UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
