"""Points in time: from a local time of a zone, or from text. The only place that turns either into an instant."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)
# A zone reaches a day beyond UTC at most; nearer to the ends of the calendar there is no instant to compute.
_FIRST, _LAST = datetime(1, 1, 3), datetime(9999, 12, 29)


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """A wall-clock time as an instant in UTC: the first moment at which the clocks of the zone show it or later.

    So a time that the clocks jump over is the next one that exists, and of one that comes twice it is the first. A time
    that has a zone already is taken as it is.
    """
    if local.tzinfo is not None:
        return local.astimezone(UTC)
    local = min(max(local, _FIRST), _LAST)
    # PEP 495: where clocks jump, fold 0 reads by the offset before the jump and fold 1 by the one after it.
    latest = _read(local, zone, fold=0)
    if _shown(latest, zone) == local:
        return latest
    before = _read(local, zone, fold=1)
    while latest - before > _SECOND:  # halve: `before` shows an earlier time, `latest` a later one
        middle = before + (latest - before) // 2 // _SECOND * _SECOND
        middle = max(middle, before + _SECOND)
        if _shown(middle, zone) < local:
            before = middle
        else:
            latest = middle
    return latest


def parse_instant(text: str) -> datetime:
    """An ISO 8601 time as an instant; one without a zone is UTC. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _read(local: datetime, zone: ZoneInfo, *, fold: int) -> datetime:
    return local.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _shown(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def stamp(at: datetime) -> str:
    """A time as the API writes it: UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
