"""Deliveries, for people: what became of them in a run, and what was ever sent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from rostersync.api.objects import RunStatus
from rostersync.instants import stamp
from rostersync.model import Mode
from rostersync.render.tables import Row, say, table
from rostersync.sent import Sent

_COLUMNS = ("Delivery", "Revision", "When", "Where", "Files", "Bytes", "SHA-256")
_RIGHT = ("Revision", "Files", "Bytes")
_DROP = ("SHA-256", "Files", "When")
_DIGITS = 12  # of a checksum in a table


@dataclass(frozen=True)
class Outgoing:
    """One delivery of a connection: the revisions that it still has to deliver, and what it has sent, newest first."""

    connection: str
    delivery: str
    pending: tuple[int, ...]
    sent: tuple[Sent, ...]

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "connection": self.connection,
            "delivery": self.delivery,
            "pending": list(self.pending),
            "sent": [_as_dict(sent) for sent in self.sent],
        }


def of_run(out: Console, spec: Mapping[str, Any], status: RunStatus) -> None:
    """What a run has delivered, and what failed."""
    found = status.get("deliveries") or []
    done = [d for d in found if d.get("revision") is not None]
    rows = [
        (d["name"], d["revision"], d["time"], d["place"], d["files"], d["bytes"], _brief(d.get("sha256", "")))
        for d in done
    ]
    if rows:
        nothing_left = spec.get("mode") == Mode.DELIVER and status.get("outcome") == "NoChanges"
        title = "Delivered before this run" if nothing_left else "What was delivered"
        table(out, _COLUMNS, rows, _RIGHT, title, drop=_DROP)
    for each in found:
        if left := each.get("leftOut"):
            what = ", ".join(f"{of['what']} {of['count']:,}" for of in left)
            say(out, f"Left out of {each['name']}, since its format cannot say it: {what}.", "yellow")
        if each["state"] == "Failed":
            say(out, f"Not delivered: {each['name']} ({each.get('reason', '')}): {each.get('message', '')}", "red")


def page(out: Console, found: Iterable[Outgoing]) -> None:
    """What is still to be delivered, and what was."""
    deliveries = list(found)
    if not deliveries:
        say(out, "There are no deliveries: the connection has none (spec.deliveries), or nothing was applied since.")
        return
    rows = [(d.connection, d.delivery, _pending(d.pending), *_last(d.sent)) for d in deliveries]
    heads = ("Connection", "Delivery", "Pending", "Last sent", "When")
    table(out, heads, rows, ("Last sent",), "Deliveries", drop=("When",))
    names = {(d.connection, d.delivery): d.delivery for d in deliveries}
    if len({d.connection for d in deliveries}) > 1:
        names = {key: "/".join(key) for key in names}
    lines = [(names[d.connection, d.delivery], *_line(s)) for d in deliveries for s in d.sent]
    if lines:
        table(out, _COLUMNS, lines, _RIGHT, "What was sent, newest first", drop=_DROP, last=True)


def of_connections(
    out: Console, found: Iterable[tuple[str, str, list[Mapping[str, Any]]]], everywhere: bool = False
) -> None:
    """The deliveries of connections (key, namespace, status.deliveries), as their statuses have them."""
    rows = []
    for name, namespace, deliveries in found:
        for d in deliveries:
            details = (
                d.get("revision", ""),
                d.get("time", ""),
                d.get("place", ""),
                d.get("bytes", ""),
                _brief(d.get("sha256", "")),
            )
            why = [f"{d.get('reason', '')}: {d['message']}"] if d.get("message") else []
            rows.append(Row((*([namespace] if everywhere else []), name, d["name"], d["state"], *details), why))
    if not rows:
        say(out, "Nothing was delivered yet, or no connection has deliveries (spec.deliveries).")
        return
    heads = ("Connection", "Delivery", "State", "Revision", "When", "Where", "Bytes", "SHA-256")
    table(out, (*(["Namespace"] if everywhere else []), *heads), rows, ("Revision", "Bytes"), drop=_DROP, last=True)


def summaries(sent: Mapping[str, tuple[Sent, ...]]) -> list[str]:
    """What was sent where, how often and when: a line for each delivery and place."""
    lines = []
    for name, each in sent.items():
        for where in dict.fromkeys(s.where for s in each):
            of = [s for s in each if s.where == where]
            first, last = min(s.at for s in of), max(s.at for s in of)
            often = "once" if len(of) == 1 else f"{len(of):,} times"
            when = stamp(last) if first == last else f"{stamp(first)} to {stamp(last)}"
            revisions = sorted({s.revision for s in of})
            span = f"revision {revisions[0]}" if len(revisions) == 1 else f"revisions {revisions[0]} to {revisions[-1]}"
            lines.append(f"{name} to {where}: {often}, {span}, {when}")
    return lines


def _pending(revisions: tuple[int, ...]) -> str:
    if not revisions:
        return "nothing"
    if len(revisions) == 1:
        return f"revision {revisions[0]}"
    return f"{len(revisions):,} revisions, {revisions[0]} to {revisions[-1]}"


def _last(sent: tuple[Sent, ...]) -> tuple[object, str]:
    return (sent[0].revision, stamp(sent[0].at)) if sent else ("never", "")


def _line(sent: Sent) -> tuple[object, ...]:
    only = sent.files[0].sha256 if len(sent.files) == 1 else ""
    return (sent.revision, stamp(sent.at), sent.where, len(sent.files), sent.bytes, _brief(only))


def _brief(sha256: str) -> str:
    """Enough of a checksum to tell files apart. JSON has all of it."""
    return sha256[:_DIGITS]


def _as_dict(sent: Sent) -> dict[str, Any]:
    files = [vars(file) for file in sent.files]
    return {"revision": sent.revision, "at": stamp(sent.at), "where": sent.where, "bytes": sent.bytes, "files": files}
