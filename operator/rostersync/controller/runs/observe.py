"""One run as the lifecycle sees it, from the cache and from lookups. Nothing here waits or acts."""

from dataclasses import replace

from rostersync.api.kinds import Ref, key_of
from rostersync.attempts import PLAN
from rostersync.controller.cluster.cache import APPROVALS, RUNS, Object, age, connection_key, labels, mode_of, place_of
from rostersync.controller.connections import sources
from rostersync.controller.connections.policy_check import Guard
from rostersync.controller.options import TRIGGER_LABEL
from rostersync.controller.runs import approvals, line
from rostersync.controller.runs.approvals import Rules
from rostersync.controller.runs.attempts import Attempts
from rostersync.controller.runs.lookups import Facts
from rostersync.controller.runs.reports import moment
from rostersync.controller.runs.slots import Refusal
from rostersync.controller.shared import Shared
from rostersync.controller.view import View, stamps
from rostersync.lifecycle.mended import mended
from rostersync.lifecycle.observed import Approval, Connection, Observed, Run, Sibling, Words, Work, WorkState
from rostersync.lifecycle.outcomes import Outcome, changed_the_store, succeeded_reason
from rostersync.lifecycle.requesters import Requesters, requesters
from rostersync.lifecycle.triggers import Trigger
from rostersync.model import ApplyReport, Mode


def observed(shared: Shared, run: Object, facts: Facts) -> tuple[Observed, View | None, Refusal]:
    """A run as the lifecycle sees it, its connection's view, and why it may not start a Job now."""
    meta, spec = run["metadata"], run["spec"]
    now, before = shared.clock(), run.get("status") or {}
    obj = shared.store.get(*connection_key(run))
    recorded = before.get("connectionUID")
    gone = obj is None or (recorded and recorded != obj["metadata"]["uid"])
    view = shared.views.of(obj) if obj and not gone else shared.views.last(str(recorded))
    marks = stamps(obj) if obj else None
    # Whoever asks again while a requested run waits counts as a requester of it.
    again = marks.requested_by if marks and labels(run).get(TRIGGER_LABEL) == Trigger.REQUEST else ""
    asked = requesters(
        Requesters(tuple(before.get("requestedBy", ())), bool(before.get("moreRequesters"))),
        str(spec.get("requestedBy", "")),
        (again, marks.changed_by if marks else ""),
    )
    attempts = Attempts(run, facts.jobs, now, shared.options.start_deadline, facts.missing)
    plan, apply, deliver = attempts.plan(), attempts.apply(), attempts.deliver()
    connection = _connection(
        Ref.of(spec["connectionRef"]), view, obj is None and not recorded, bool(gone and recorded), facts.guard
    )
    if connection.deleted and view is None and apply and apply.state == WorkState.LOST:
        apply = _given_up(apply)
    mode = Mode(spec.get("mode", Mode.IMPORT))
    if (refused := _refused(shared, run)) and not connection.problem:
        connection = replace(connection, problem=refused)
    taken = sources.taken(shared.store, obj) if obj and not gone else None
    if taken and not connection.problem:
        connection = replace(connection, problem=taken)
    rules = Rules(asked.names, connection.require_distinct_approver, shared.options.approvers, asked.more)
    behind = plan is None and line.behind(shared.store, run)
    refusal = Refusal() if behind else Refusal(taken[1]) if taken else _refusal(shared, run, view)
    siblings = _siblings(shared, run) if apply or (plan and plan.state == WorkState.SUCCEEDED) else []
    observed = Observed(
        now=now,
        connection=connection,
        plan=plan,
        apply=apply,
        deliver=deliver,
        run=Run(
            name=meta["name"],
            uid=meta["uid"],
            generation=meta.get("generation", 1),
            mode=mode,
            schools=tuple(spec.get("schools", ())),
            cancel=bool(spec.get("cancel")),
            requested_by=asked.names,
            created_at=moment(meta["creationTimestamp"]),
            status=before,
            more_requesters=asked.more,
        ),
        approval=_approval(shared, run, facts.guard, rules),
        siblings=tuple(siblings),
        behind=behind,
        may_start=not refusal,
        may_apply=not refusal,
        may_deliver=not refusal,
        deliver_now=mended((obj or {}).get("status") or {}, deliver),
        queued=refusal.text,
        tries=PLAN.tries,
        unguarded=facts.guard.unguarded if facts.guard else "",
        words=_words(meta["namespace"], Ref.of(spec["connectionRef"]).key, facts.guard),
    )
    return observed, view, refusal


def _refused(shared: Shared, run: Object) -> tuple[str, str] | None:
    """Why a restore cannot be one, as (reason, message), if the run that it takes back is known. Its Job asks the store."""
    spec, namespace = run["spec"], run["metadata"]["namespace"]
    other = shared.store.get(RUNS, namespace, spec["restoreOf"]) if spec.get("restoreOf") else None
    if other is None:
        return None
    if key_of(other) != key_of(run):
        of = Ref.of(other["spec"]["connectionRef"])
        return (
            "OtherConnection",
            f"SyncRun {spec['restoreOf']} is of {of}: restore it with a SyncRun of that connection.",
        )
    status = other.get("status") or {}
    if changed_the_store(status):
        return None
    stands = status.get("outcome") or succeeded_reason(status) or "new"
    text = f"SyncRun {spec['restoreOf']} is {stands}: it changed nothing, so there is nothing to restore."
    return "NotApplied", text


def _refusal(shared: Shared, run: Object, view: View | None) -> Refusal:
    """Why the run may not start a Job now."""
    if view is None:
        return Refusal()
    meta = run["metadata"]
    if view.spec is None:
        wrong = view.known.problem[1] if view.known.problem else ""
        return Refusal(f"{view.known.ref} is not valid: {wrong}")
    wait = shared.holdups.get(view.uid, "")
    return Refusal(wait) if wait else shared.slots.refusal(meta["namespace"], view.turn, meta["uid"])


def _approval(shared: Shared, run: Object, guard: Guard | None, rules: Rules) -> Approval | None:
    """The run's own approval: the one that its status names, else the newest that still counts."""
    recorded = ((run.get("status") or {}).get("approval") or {}).get("uid")
    made = [approvals.read(a, guard, rules) for a in _asked(shared, run)]
    standing = [a for a in made if not a.superseded]
    named = [a for a in standing if a.uid == recorded]
    return next(iter([*named, *reversed(standing), *(a for a in made if a.uid == recorded)]), None)


def _siblings(shared: Shared, run: Object) -> list[Sibling]:
    """Other runs of the connection with a plan: imports for an import, and restores for a restore."""
    out: list[Sibling] = []
    meta = run["metadata"]
    for other in shared.store.related(RUNS, f"planned/{mode_of(run)}/{place_of(run)}"):
        if other["metadata"]["uid"] == meta["uid"]:
            continue
        status = other["status"]
        plan, outcome = status["plan"], status.get("outcome")
        made = [approvals.of_another(a) for a in _asked(shared, other)]
        approval = next((a for a in reversed(made) if not a.superseded), None)
        out.append(
            Sibling(
                name=other["metadata"]["name"],
                digest=plan["digest"],
                newer=age(other) > age(run),
                no_changes=bool(plan.get("noChanges")),
                held=approval is not None and not outcome,
                outcome=Outcome(outcome) if outcome else None,
                approval=approval,
                revision=status.get("revision"),
                schools=tuple(other["spec"].get("schools", ())),
            )
        )
    return out


def _asked(shared: Shared, run: Object) -> list[Object]:
    """The approvals that the operator has given a state, oldest first."""
    of = shared.store.related(APPROVALS, f"run/{run['metadata']['uid']}")
    return [a for a in of if (a.get("status") or {}).get("state")]


def _connection(ref: Ref, view: View | None, missing: bool, deleted: bool, guard: Guard | None) -> Connection:
    if view is None:
        return Connection(ref, missing=missing, deleted=deleted)
    return replace(
        view.known, deleted=deleted, four_eyes_enforced=guard is not None and guard.stamping and not guard.missing
    )


def _given_up(apply: Work[ApplyReport]) -> Work[ApplyReport]:
    return replace(
        apply,
        state=WorkState.FAILED,
        reason="ConnectionDeleted",
        message="The apply had begun, its Job is gone and so is the connection; the store's newest revision says whether it "
        "was applied.",
    )


def _words(namespace: str, connection: str, guard: Guard | None) -> Words:
    by = "" if guard is None or guard.stamping else '"decidedBy":"YOUR-USER-NAME",'
    patch = f'{{"spec":{{"decision":"Approved",{by}"reason":"WHY"}}}}'
    return Words(
        approve=f"kubectl -n {namespace} patch syncapproval {{approval}} --type=merge -p '{patch}'",
        apply="wait",
        rerun="make another SyncRun",
        deliver=f"`kubectl roster -n {namespace} deliver {connection}`",
        by_itself=True,
    )
