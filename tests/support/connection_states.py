"""What is known of a connection in each of its states, and the conditions that its status then has."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rostersync.lifecycle.connection_status import OK, RECONCILING, STALLED, Checked, Known, RunSeen
from rostersync.lifecycle.triggers import Answer

NOW = datetime(2026, 7, 1, 2, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
QUIET = Known(3, {}, None, False, None, None, (), Answer(), "", NOW)
VERIFIED = Checked(True, "Verified", OK, {"found": 3, "mapped": 3, "missing": 0, "vanished": 0}, 3)
REFUSED = Checked(False, "CredentialsRefused", "Focus refused the token request (401)", None, 3)
UNDER_WAY = Checked(None, "Checking", "Test Connection is under way.", None, 3)
CLAIM = ("ClaimNotFound", "make it")
TERMS = ("TermsNotAccepted", "Accept them.")
GONE = {"found": 2, "mapped": 3, "missing": 0, "vanished": 1, "vanishedIDs": ["1003"]}
PLANNED = RunSeen("r", "AwaitingApproval", schools=GONE)

ENDED = RunSeen("r", "Applied", "Applied", "2026-06-01T00:00:00Z")
PLANNER = RunSeen("p", "Planning", planned="2026-06-03T00:00:00Z", base=4)


def known(**kwargs: Any) -> Known:
    """What is known of a connection."""
    return replace(QUIET, **kwargs)


def conditions(made: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Type -> status and reason, without those that only say whether to wait."""
    told = (c for c in made["conditions"] if c["type"] not in (RECONCILING, STALLED))
    return {c["type"]: (c["status"], c["reason"]) for c in told}


READY = ("True", "Ready")
TABLE = {
    "not looked yet": (known(), {"Ready": READY}),
    "verified": (
        known(checked=VERIFIED),
        {"Ready": READY, "ConnectionVerified": ("True", "Verified"), "SchoolsComplete": ("True", "Complete")},
    ),
    "under way": (known(checked=UNDER_WAY), {"Ready": READY, "ConnectionVerified": ("Unknown", "Checking")}),
    "Test Connection failed": (
        known(checked=REFUSED),
        {"Ready": ("False", "CredentialsRefused"), "ConnectionVerified": ("False", "CredentialsRefused")},
    ),
    "Test Connection failed for good": (
        known(checked=replace(REFUSED, permanent=True)),
        {"Ready": ("False", "CredentialsRefused"), "ConnectionVerified": ("False", "CredentialsRefused")},
    ),
    "another spec is to be tested": (
        known(generation=4, checked=VERIFIED),
        {"Ready": READY, "ConnectionVerified": ("True", "Verified"), "SchoolsComplete": ("True", "Complete")},
    ),
    "only another spec helps": (
        known(problem=TERMS, of_spec=True),
        {"Ready": ("False", "TermsNotAccepted")},
    ),
    "a problem comes before what Test Connection said": (
        known(problem=CLAIM, checked=REFUSED),
        {"Ready": ("False", "ClaimNotFound"), "ConnectionVerified": ("False", "CredentialsRefused")},
    ),
    "suspended": (known(suspended=True), {"Ready": ("True", "Suspended")}),
    "suspended and wrong is wrong": (known(suspended=True, problem=CLAIM), {"Ready": ("False", "ClaimNotFound")}),
    "policies stand": (known(missing_policies=()), {"Ready": READY, "PoliciesInstalled": ("True", "Installed")}),
    "policies are missing": (
        known(missing_policies=("a", "b")),
        {"Ready": READY, "PoliciesInstalled": ("False", "PoliciesMissing")},
    ),
    "a claim gets no volume": (known(notice=("ClaimNotBound", "no class")), {"Ready": ("False", "ClaimNotBound")}),
    "the store is another source's": (
        known(runs=(ENDED, replace(ENDED, name="s", completed="2026-06-02T00:00:00Z", reason="StoreHasOtherSource"))),
        {"Ready": ("False", "StoreHasOtherSource")},
    ),
    "the store was another source's": (
        known(
            runs=(
                replace(ENDED, reason="StoreHasOtherSource"),
                replace(ENDED, name="s", completed="2026-06-02T00:00:00Z"),
            )
        ),
        {"Ready": READY},
    ),
    "a plan found what was reported": (
        known(runs=(replace(ENDED, revision=4), PLANNER)),
        {"Ready": READY, "StoreConfirmed": ("True", "Confirmed")},
    ),
    "a plan did not find what was reported": (
        known(runs=(replace(ENDED, revision=5), PLANNER)),
        {"Ready": READY, "StoreConfirmed": ("False", "RevisionNotFound")},
    ),
    "what was reported after the plan was begun, it could not find": (
        known(runs=(replace(ENDED, revision=5, completed="2026-06-03T00:00:01Z"), PLANNER)),
        {"Ready": READY, "StoreConfirmed": ("True", "Confirmed")},
    ),
    "a school vanished": (
        known(runs=(PLANNED,)),
        {"Ready": READY, "SchoolsComplete": ("False", "SchoolsVanished")},
    ),
}
