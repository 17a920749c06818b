"""What the API server answers becomes a sentence: what was refused, which right is missing, what there is instead."""

import json

import pytest

from rostersync.errors import Permanent, Retryable
from rostersync.plugin.refusals import Asked, refused

GET = Asked("get", "SyncRun", "rosters", "r")
LIST = Asked("list", "SyncRun", "")
PATCH = Asked("patch", "SyncApproval", "rosters", "r-aaaaaaaa")
CREATE = Asked("create", "SyncRun", "rosters", "r")


def answer(message="", reason="", **details):
    return json.dumps({"kind": "Status", "message": message, "reason": reason, "details": details})


POLICY = (
    'syncapprovals.rostersync.dev "r-aaaaaaaa" is forbidden: ValidatingAdmissionPolicy '
    "'syncapproval-decision.rostersync.dev' with binding 'syncapproval-decision.rostersync.dev' denied request: "
    'you (carol) lack the verb approve on focusconnections.rostersync.dev "springfield"'
)
RBAC = (
    'syncruns.rostersync.dev is forbidden: User "dave" cannot list resource "syncruns" in API group "rostersync.dev" '
    "at the cluster scope"
)
CEL = {
    "causes": [
        {
            "reason": "FieldValueForbidden",
            "field": "spec.decidedBy",
            "message": "Forbidden: requireDistinctApprover is true; decidedBy must be none of requestedBy",
        },
        {"reason": "FieldValueInvalid", "field": "metadata.name", "message": 'Invalid value: "x": must be shorter'},
    ]
}
TABLE = {
    "a policy's own words": (
        PATCH,
        403,
        answer(POLICY, "Forbidden"),
        "Denied",
        'The cluster refuses it: you (carol) lack the verb approve on focusconnections.rostersync.dev "springfield".',
    ),
    "which right is missing": (
        LIST,
        403,
        answer(RBAC, "Forbidden"),
        "Forbidden",
        "You (dave) may not list syncruns.rostersync.dev in all namespaces. Ask whoever gives rights on this cluster "
        "for it; `kubectl auth can-i list syncruns.rostersync.dev -A` says whether you have it.",
    ),
    "a right that another authorizer refuses": (
        GET,
        403,
        answer("no", "Forbidden"),
        "Forbidden",
        "You may not get syncruns.rostersync.dev in namespace rosters. Ask whoever gives rights on this cluster for it; "
        "`kubectl auth can-i get syncruns.rostersync.dev -n rosters` says whether you have it.",
    ),
    "a kind that is not installed": (
        GET,
        404,
        "404 page not found\n",
        "NotInstalled",
        "This cluster knows no SyncRun: rostersync is not installed there. Install its chart, or name another cluster "
        "with --context or --kubeconfig.",
    ),
    "an object that is not there": (
        GET,
        404,
        answer("…", "NotFound", name="r", kind="syncruns"),
        "NotFound",
        "There is no SyncRun r in namespace rosters.",
    ),
    "a namespace that is not there": (
        CREATE,
        404,
        answer("…", "NotFound", name="rosters", kind="namespaces"),
        "NamespaceNotFound",
        "There is no namespace rosters.",
    ),
    "a name that is taken": (
        CREATE,
        409,
        answer("…", "AlreadyExists"),
        "AlreadyExists",
        "There is a SyncRun r in namespace rosters already.",
    ),
    "rules of the schema": (
        PATCH,
        422,
        answer("…", "Invalid", **CEL),
        "Invalid",
        "The cluster refuses it: spec.decidedBy: requireDistinctApprover is true; decidedBy must be none of "
        "requestedBy; metadata.name: must be shorter.",
    ),
    "credentials": (
        GET,
        401,
        answer("Unauthorized", "Unauthorized"),
        "Unauthorized",
        "The cluster does not accept your credentials (401): log in again. `kubectl auth whoami` says whether it knows "
        "you.",
    ),
}


@pytest.mark.parametrize(("asked", "code", "body", "reason", "sentence"), TABLE.values(), ids=TABLE)
def test_refusals_are_sentences(asked, code, body, reason, sentence):
    error = refused(asked, code, body)

    assert isinstance(error, Permanent)
    assert (str(error), error.reason) == (sentence, reason)


@pytest.mark.parametrize(
    ("code", "reason"), [(409, "Conflict"), (429, "Unavailable"), (500, "Unavailable"), (503, "Unavailable")]
)
def test_what_may_go_through_later_is_retryable(code, reason):
    error = refused(PATCH, code, answer("…", reason))

    assert isinstance(error, Retryable)
    assert error.reason == reason
    assert "try again" in str(error)


@pytest.mark.parametrize("body", ["", "[]", "<html>", '"text"'])
@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 418, 422, 500])
def test_no_answer_is_too_odd_for_a_sentence(code, body):
    assert str(refused(GET, code, body))
