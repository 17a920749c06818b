"""Whether what made a delivery fail has been mended since. Then the next try does not wait for its pause. Pure."""

from collections.abc import Mapping
from typing import Any

from rostersync.api.objects import condition
from rostersync.instants import parse_instant
from rostersync.lifecycle.connection_status import DELIVERIES
from rostersync.lifecycle.observed import Work
from rostersync.sent import DeliverReport


def mended(connection: Mapping[str, Any], deliver: Work[DeliverReport] | None) -> bool:
    """Whether, after this attempt had failed, Test Connection found that everything can be delivered, or the newest try
    of each delivery that failed succeeded, for whichever run.

    `connection`: its status. An attempt has its turn on the store until its end, so what was delivered from its start on
    was delivered behind it. Times are whole seconds, and a run can take less than one: equal ones count.
    """
    if deliver is None or deliver.ended_at is None:
        return False
    found, tested = condition(connection, DELIVERIES), connection.get("lastCheckTime")
    if found and found["status"] == "True" and tested and parse_instant(tested) >= deliver.ended_at:
        return True
    known = connection.get("deliveries") or ()
    arrived = {d["name"]: parse_instant(d["time"]) for d in known if d["state"] == "Delivered" and d.get("time")}
    failed = deliver.report.failed if deliver.report else ()
    since = deliver.started_at or deliver.ended_at
    return bool(failed) and all(name in arrived and arrived[name] >= since for name in failed)
