"""What a connection's manifest means for its runs: the lifecycle's view of a connection. Pure."""

from zoneinfo import ZoneInfo

from rostersync.api.kinds import Ref
from rostersync.api.v1alpha1 import connection as api
from rostersync.api.v1alpha1.support import Supported, not_yet_supported, refusal, terms_accepted
from rostersync.api.v1alpha1.times import parse_duration
from rostersync.lifecycle.observed import Connection, Window


def connection_of(conn: api.Connection, supported: Supported) -> Connection:
    """What the lifecycle needs to know of a connection."""
    spec = conn.spec
    zone = ZoneInfo(spec.timeZone)
    later = not_yet_supported(conn, supported)
    return Connection(
        Ref(conn.kind, conn.metadata.name),
        terms_accepted=terms_accepted(conn),
        problem=("NotYetSupported", refusal(later)) if later else None,
        suspend_import=tuple(Window(*w.span(zone)) for w in spec.dataRollover.suspendImport),
        expires_after=parse_duration(spec.approval.expiresAfter),
        require_distinct_approver=spec.approval.requireDistinctApprover,
        deliveries={d.name: parse_duration(d.retryFor) for d in spec.deliveries},
    )
