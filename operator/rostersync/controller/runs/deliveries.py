"""What an attempt to deliver has come to, for events and metrics. Once for each attempt."""

from rostersync.api.kinds import Ref
from rostersync.attempts import DELIVER
from rostersync.controller.cluster.cache import RUNS, Object, connection_key
from rostersync.controller.shared import Shared
from rostersync.lifecycle.messages import delivered_message
from rostersync.lifecycle.observed import Observed, WorkState


def tell_deliveries(shared: Shared, run: Object, seen: Observed) -> None:
    """Count and report the end of an attempt that the status has just recorded. `run` is as it was before that."""
    work = seen.deliver
    if work is None or work.state not in (WorkState.SUCCEEDED, WorkState.FAILED) or _recorded(run, work.job):
        return
    shared.queue.add(connection_key(run))  # its status lists the deliveries, too
    place = (run["metadata"]["namespace"], Ref.of(run["spec"]["connectionRef"]).key)
    for each in work.report.deliveries if work.report else ():
        if each.error or each.bundles:
            shared.delivered[(*place, "failed" if each.error else "sent")] += 1
    if work.state == WorkState.FAILED:
        shared.events.warn(run, RUNS, work.reason, work.message)
    elif work.report and work.report.deliveries:
        shared.events.note(run, RUNS, "Delivered", delivered_message(work.report))


def _recorded(run: Object, job: str | None) -> bool:
    known = (run.get("status") or {}).get("jobs") or ()
    return any(j["type"] == DELIVER.type and j["name"] == job and j.get("completionTime") for j in known)
