"""A connection's safety settings, which the store remembers, so that recreating a connection waives nothing. Pure."""

from typing import Any

from rostersync.api.kinds import Ref
from rostersync.api.v1alpha1.connection import Connection, ConnectionSpec
from rostersync.api.v1alpha1.defaults import effective_thresholds
from rostersync.api.v1alpha1.times import parse_duration
from rostersync.sources.registry import profile_of
from rostersync.stores.port import SourceMemory, StoreState

_SWITCHES = ("preview", "fourEyes", "holdFirstImport", "holdOnConfigChange")


def safety(spec: ConnectionSpec) -> dict[str, Any]:
    """Limits, switches, destinations and the length of history of a connection as JSON."""
    return {
        "limits": [
            [t.entity.value, t.change, t.per_school, t.percent, t.count, t.min_population, _seconds(t.window)]
            for t in effective_thresholds(spec)
        ],
        "preview": spec.previewDataUpload,
        "fourEyes": spec.approval.requireDistinctApprover,
        "holdFirstImport": spec.approval.holdFirstImport,
        "holdOnConfigChange": spec.approval.holdOnConfigChange,
        "confirmDeletes": spec.confirmDeletes.records,
        "history": [
            spec.history.runs.successful,
            spec.history.runs.failed,
            int(parse_duration(spec.history.records.maxAge).total_seconds()),
        ],
        "deliveries": sorted(
            (d.model_dump(mode="json", by_alias=True, exclude_none=True) for d in spec.deliveries),
            key=lambda d: str(d["name"]),
        ),
    }


def memory_of(
    connection: Connection,
    client_id_hash: str,
    config_hash: str,
    vanished: tuple[str, ...] = (),
    last: SourceMemory | None = None,
) -> SourceMemory:
    """What the store is to remember of a plan of this connection. `last`: what it remembers now.

    An import without a cluster has no UID. It keeps the UID and safety of the cluster's last import, so that a
    connection that is recreated afterwards is still compared with that.
    """
    spec, metadata = connection.spec, connection.metadata
    beside = last is not None and last.connection_uid is not None and metadata.uid is None
    endpoint = profile_of(connection).endpoint(connection)
    return SourceMemory(
        prefix=spec.sisIDPrefix,
        host=endpoint.host,
        client_id_hash=client_id_hash,
        version=endpoint.version,
        config_hash=config_hash,
        connection_uid=last.connection_uid if last and beside else metadata.uid,
        connection_kind=connection.kind,
        connection_name=metadata.name or "",
        safety=last.safety if last and beside else safety(spec),
        vanished=vanished,
        restores=last.restores if last else (),
        forgotten=last.forgotten if last else 0,
    )


def previous_connection(last: SourceMemory | None, now: SourceMemory, source: str) -> str:
    """The key of the last applied plan's connection, if it differs from this one by kind, name or UID. Otherwise "".

    Without a cluster there are no UIDs. A store from before names were remembered has only the UID. Then a source has
    the name of its connection, unless the connection says otherwise.
    """
    if last is None:
        return ""
    named, now_named = (last.connection_kind, last.connection_name), (now.connection_kind, now.connection_name)
    other_name = bool(last.connection_name) and named != now_named
    other_uid = last.connection_uid is not None and now.connection_uid not in (None, last.connection_uid)
    if not (other_name or other_uid):
        return ""
    return Ref.of({"kind": last.connection_kind, "name": last.connection_name}).key if last.connection_name else source


def loosened_by_recreation(state: StoreState, memory: SourceMemory) -> bool:
    """Whether a recreated connection is less safe. The admission policies prevent this for an UPDATE."""
    if state.last is None:
        return False
    recreated = memory.connection_uid is not None and memory.connection_uid != state.last.connection_uid
    return recreated and state.last.connection_uid is not None and loosened(state.last.safety, memory.safety)


def loosened(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether a limit was raised or dropped, a switch turned off, a delivery added or redirected, or less is kept or
    confirmed.
    """
    if not before:
        return False
    if any(before.get(s) and not after.get(s) for s in _SWITCHES):
        return True
    if any(d not in before.get("deliveries", []) for d in after.get("deliveries", [])):
        return True
    if any(kept < was for was, kept in zip(before.get("history", []), after["history"], strict=False)):
        return True
    if before.get("confirmDeletes", 0) > after["confirmDeletes"]:
        return True
    limits = after["limits"]
    return not all(_percent_stands(old, limits) and _count_stands(old, limits) for old in before.get("limits", []))


def _percent_stands(old: list[Any], limits: list[list[Any]]) -> bool:
    """Whether a new percent limit is exceeded whenever the old one was."""
    percent, least = old[3], old[5]
    return percent is None or any(
        _of_the_same(new, old) and new[3] is not None and new[3] <= percent and new[5] <= least for new in limits
    )


def _count_stands(old: list[Any], limits: list[list[Any]]) -> bool:
    """Whether a new count limit is exceeded whenever the old one was."""
    return old[4] is None or any(_of_the_same(new, old) and new[4] is not None and new[4] <= old[4] for new in limits)


def _of_the_same(new: list[Any], old: list[Any]) -> bool:
    """Whether a limit counts at least the changes that the old one counted (Any counts all), and for as long."""
    return new[0] == old[0] and new[1] in (old[1], "Any") and new[2] == old[2] and _length(new) >= _length(old)


def _length(limit: list[Any]) -> int:
    """Seconds of a limit's window. Limits that were remembered before windows existed have none."""
    return int(limit[6]) if len(limit) > 6 else 0


def _seconds(window: str | None) -> int:
    return int(parse_duration(window).total_seconds()) if window else 0
