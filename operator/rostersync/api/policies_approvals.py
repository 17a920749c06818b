"""Policies on SyncApprovals and SyncRuns: who decides, who requested, and what only the operator may write."""

from rostersync.api.kinds import connections
from rostersync.api.policies_parts import (
    CONTROLLER_MANAGER,
    GARBAGE_COLLECTOR,
    NAMESPACE_CONTROLLER,
    SPEC_IS_AN_OBJECT,
    TRIGGER_LABEL,
    USER,
    Manifest,
    Settings,
    cel_list,
    must,
    mutating,
    named,
    patch,
    put,
    rule,
    validating,
    when,
)
from rostersync.api.v1alpha1 import GROUP

_DECISION_CHANGES = """\
object.spec.?decision != oldObject.spec.?decision ||
object.spec.?decidedBy != oldObject.spec.?decidedBy ||
object.spec.?reason != oldObject.spec.?reason"""

# No person can have one of these names: they are the API server's own controllers.
_HOUSEKEEPING = cel_list([CONTROLLER_MANAGER, GARBAGE_COLLECTOR, NAMESPACE_CONTROLLER])
_NOT_STATUS = "request.?subResource.orValue('') != 'status'"


def validating_policies(settings: Settings) -> list[Manifest]:
    """The policies on deciding, creating and deleting approvals, and on creating runs."""
    return [*_decision(settings), *_create(settings), *_keep(settings), *_run(settings)]


def mutating_policies(settings: Settings) -> list[Manifest]:
    """The policies that set decidedBy and requestedBy, and keep requestedBy."""
    return [
        *mutating(
            f"syncapproval-stamp.{GROUP}",
            [rule(["UPDATE"], ["syncapprovals"])],
            [patch(f"[{put('/spec/decidedBy', USER)}]")],
            [
                *SPEC_IS_AN_OBJECT,
                *when("decision-is-made", "has(object.spec.decision) && !has(oldObject.spec.decision)"),
            ],
        ),
        *mutating(
            f"syncrun-stamp.{GROUP}",
            [rule(["CREATE"], ["syncruns"])],
            [patch(f"[{put('/spec/requestedBy', USER)}]")],
            [*SPEC_IS_AN_OBJECT, *when("not-the-operator", f"!({USER} in {settings.operators})")],
        ),
        *mutating(
            f"syncrun-keep-requester.{GROUP}",
            [rule(["UPDATE"], ["syncruns"])],
            [patch(f"[{put('/spec/requestedBy', 'oldObject.spec.requestedBy')}]")],
            [
                *SPEC_IS_AN_OBJECT,
                # so that applying a manifest again changes nothing, even if it names somebody else or nobody
                *when(
                    "requester-would-change",
                    "has(oldObject.spec.requestedBy) && object.spec.?requestedBy != oldObject.spec.?requestedBy",
                ),
            ],
        ),
    ]


def _resource(of: str) -> str:
    """CEL for the plural of a connection's kind. `of` is the approval's field that names the connection."""
    only, *more = connections()
    if not more:
        return f"'{only.plural}'"
    plurals = ", ".join(f"'{kind.name}': '{kind.plural}'" for kind in (only, *more))
    return f"{{{plurals}}}[object.spec.{of}.kind]"


def _the_same() -> str:
    """CEL for whether the approval names the same connection twice."""
    same = "variables.previous == variables.connection"
    return f"({same} && {_KINDS_AGREE})" if len(connections()) > 1 else same


_KINDS_AGREE = "object.spec.previousConnection.kind == object.spec.connectionRef.kind"


def _may_approve(connection: str, of: str) -> str:
    """CEL for whether the caller has the verb approve on a connection, given CEL for its name."""
    return (
        f"authorizer.group('{GROUP}').resource({_resource(of)}).namespace(request.namespace)\n"
        f".name({connection}).check('approve').allowed()"
    )


def _lacks_approve(connection: str, of: str, why: str) -> str:
    """CEL for the message to a caller who lacks it."""
    resource = f"' + {_resource(of)} + '" if len(connections()) > 1 else connections()[0].plural
    return (
        f"'you (' + variables.user + ') lack the verb approve on {resource}.{GROUP} \"' + {connection} + "
        f"'\" in namespace \"' + request.namespace + '\"; {why}, or a cluster administrator for the role'"
    )


def _decision(settings: Settings) -> list[Manifest]:
    return validating(
        f"syncapproval-decision.{GROUP}",
        [rule(["UPDATE"], ["syncapprovals"])],
        [
            must(
                f"!variables.user.startsWith('system:') || variables.user in {settings.approvers}",
                "'a person decides, not a service account or another system user: ' + variables.user + "
                "'; decide with kubectl under your own name, not through Git or a robot'",
                computed=True,
            ),
            must(
                "object.spec.?decidedBy.orValue('') == variables.user",
                "'spec.decidedBy is \"' + object.spec.?decidedBy.orValue('') + '\", but you are \"' + variables.user + "
                "'\" (kubectl auth whoami); leave it out where the server stamps it, else give your own name'",
                computed=True,
            ),
            must(
                _may_approve("variables.connection", "connectionRef"),
                _lacks_approve("variables.connection", "connectionRef", "ask somebody who has it to decide"),
                computed=True,
            ),
            # each check costs a third of what an expression may cost, so a connection that is named twice is checked once
            must(
                f"variables.previous == '' || {_the_same()} ||\n"
                f"{_may_approve('variables.previous', 'previousConnection')}",
                _lacks_approve(
                    "variables.previous",
                    "previousConnection",
                    "this roster was last changed through that connection, so the decision needs the verb on both",
                ),
                computed=True,
            ),
            must(
                "!object.spec.requireDistinctApprover || !(variables.user in object.spec.requestedBy)",
                "'this connection demands four eyes, and you (' + variables.user + ') asked for the run or last "
                "changed the connection; another person has to decide'",
                computed=True,
            ),
        ],
        when("decision-changes", _DECISION_CHANGES),
        named(
            user=USER,
            connection="object.spec.connectionRef.name",
            previous="object.spec.?previousConnection.name.orValue('')",
        ),
        [
            {
                "key": "decision",
                "valueExpression": "object.spec.?decision.orValue('') + ' by ' + variables.user + ' run=' + "
                "object.spec.runRef.name + ' uid=' + object.spec.runRef.uid + ' plan=' + object.spec.planDigest",
            }
        ],
    )


def _create(settings: Settings) -> list[Manifest]:
    return validating(
        f"syncapproval-create.{GROUP}",
        [rule(["CREATE"], ["syncapprovals"])],
        [
            must(
                f"{USER} in {settings.operators}",
                f"'the operator makes a SyncApproval when a run is held; you (' + {USER} + ') can decide one, not make it'",
                computed=True,
            )
        ],
    )


def _keep(settings: Settings) -> list[Manifest]:
    return validating(
        f"syncapproval-keep.{GROUP}",
        [rule(["UPDATE", "DELETE"], ["syncapprovals"]), rule(["UPDATE"], ["syncapprovals/status"])],
        [
            must(_NOT_STATUS, "the status of a SyncApproval is the operator's to write; set spec.decision to decide"),
            must(
                "request.operation != 'UPDATE' ||\n"
                "(object.metadata.?ownerReferences == oldObject.metadata.?ownerReferences &&\n"
                " object.metadata.?finalizers == oldObject.metadata.?finalizers)",
                "ownerReferences and finalizers of a SyncApproval are the operator's to write; leave them as they are",
            ),
            must(
                "request.operation != 'DELETE' || !has(oldObject.spec.decision)",
                "a decided SyncApproval is a record and goes only together with its SyncRun",
            ),
        ],
        when("not-the-system", f"!({USER} in {settings.operators}) && !({USER} in {_HOUSEKEEPING})"),
    )


def _run(settings: Settings) -> list[Manifest]:
    return validating(
        f"syncrun-create.{GROUP}",
        [rule(["CREATE", "UPDATE"], ["syncruns"]), rule(["UPDATE"], ["syncruns/status"])],
        [
            must(_NOT_STATUS, "the status of a SyncRun is the operator's to write; set spec.cancel to end the run"),
            must(
                f"request.operation != 'CREATE' || object.spec.?requestedBy.orValue({USER}) == {USER}",
                "'spec.requestedBy is \"' + object.spec.?requestedBy.orValue('') + '\", but you are \"' + "
                f"{USER} + '\" (kubectl auth whoami); leave it out'",
                computed=True,
            ),
            must(
                "variables.trigger == variables.triggerBefore",
                f"the label {TRIGGER_LABEL} marks the runs that the operator made and may remove; leave it as it is",
            ),
            # if a run had an owner that does not exist, the garbage collector would delete it
            must(
                "request.operation != 'UPDATE' || object.metadata.?ownerReferences == "
                "oldObject.metadata.?ownerReferences ||\n"
                f"authorizer.group('{GROUP}').resource('syncruns').namespace(request.namespace)\n"
                ".name(object.metadata.name).check('delete').allowed()",
                "ownerReferences decide when a SyncRun is deleted, and you may not delete this one; "
                "leave them as they are",
            ),
        ],
        when("not-the-operator", f"!({USER} in {settings.operators})"),
        named(
            trigger=f"object.metadata.?labels[?'{TRIGGER_LABEL}'].orValue('')",
            triggerBefore=f"request.operation == 'CREATE' ? '' : oldObject.metadata.?labels[?'{TRIGGER_LABEL}'].orValue('')",
        ),
    )
