"""Objects in every state that their status can be in, and what GitOps tools are to make of each.

python -m support.gitops_states   # writes Argo CD's tests of them anew
"""

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from rostersync.api.crd import UNSEEN
from rostersync.controller.runs import approvals
from rostersync.lifecycle import connection_status
from support import connection_states, run_states

API = "rostersync.dev/v1alpha1"
FOLDER = Path(__file__).parents[2] / "deploy/argocd/resource_customizations/rostersync.dev"
CURRENT, IN_PROGRESS, FAILED = "Current", "InProgress", "Failed"
HEALTHY, PROGRESSING, DEGRADED, SUSPENDED = "Healthy", "Progressing", "Degraded", "Suspended"
Object = dict[str, Any]
_WAITS, _HELD, _FINE, _BROKEN = (
    (IN_PROGRESS, PROGRESSING),
    (IN_PROGRESS, SUSPENDED),
    (CURRENT, HEALTHY),
    (FAILED, DEGRADED),
)

# State -> what kstatus and what Argo CD make of it
_RUNS = {
    "planning": _WAITS,
    "queued": _WAITS,
    "plan failed": _BROKEN,
    "no changes": _FINE,
    "no changes, and not read whole": _FINE,
    "dry run": _FINE,
    "held": _HELD,
    "approved, applying": _WAITS,
    "approved, not to be applied yet": _WAITS,
    "rejected": _FINE,
    "expired": _FINE,
    "cancelled": _FINE,
    "cancelled too late": _FINE,
    "applied": _FINE,
    "planned again on a full disk": _WAITS,
    "apply failed": _BROKEN,
}
_CONNECTIONS = {
    "not looked yet": _WAITS,
    "verified": _FINE,
    "under way": _WAITS,
    "Test Connection failed": _WAITS,
    "Test Connection failed for good": _BROKEN,
    "another spec is to be tested": _WAITS,
    "only another spec helps": _BROKEN,
    "a problem comes before what Test Connection said": _WAITS,
    "suspended": (CURRENT, SUSPENDED),
    "suspended and wrong is wrong": _WAITS,
    "policies stand": _FINE,
    "policies are missing": _FINE,
    "a claim gets no volume": _WAITS,
    "the store is another source's": _WAITS,
    "the store was another source's": _FINE,
    "a plan found what was reported": _FINE,
    "a plan did not find what was reported": _FINE,
    "what was reported after the plan was begun, it could not find": _FINE,
    "a school vanished": _FINE,
}
_APPROVALS = {"Pending": _HELD, "Approved": _FINE, "Rejected": _FINE, "Expired": _FINE, "Superseded": _FINE}
_NEVER_TESTED = ("not looked yet",)


def states() -> dict[str, dict[str, tuple[Object, str, str]]]:
    """Kind -> state -> the object, and what kstatus and Argo CD make of it."""
    assert set(_RUNS) == set(run_states.TABLE)
    assert set(_CONNECTIONS) == set(connection_states.TABLE)
    runs = {name: (_run(name), *_RUNS[name]) for name in _RUNS}
    connections = {name: (_connection(name), *_CONNECTIONS[name]) for name in _CONNECTIONS}
    decisions = {name: (_approval(name), *_APPROVALS[name]) for name in _APPROVALS}
    found = {"SyncRun": runs, "FocusConnection": connections, "SyncApproval": decisions}
    for kind in found.values():
        anybody = next(iter(kind.values()))[0]
        kind["nobody has seen it"] = (anybody | {"status": {"observedGeneration": UNSEEN}}, *_WAITS)
    return found


def _object(kind: str, name: str, generation: int, spec: Object, status: Object) -> Object:
    meta = {"name": name, "namespace": "rosters", "generation": generation}
    return {"apiVersion": API, "kind": kind, "metadata": meta, "spec": spec, "status": json.loads(json.dumps(status))}


def _run(name: str) -> Object:
    known = run_states.TABLE[name][0]
    spec = {"connectionRef": known.connection.ref.as_dict(), "mode": str(known.run.mode)}
    return _object("SyncRun", known.run.name, known.run.generation, spec, run_states.decided(known))


def _connection(name: str) -> Object:
    known = connection_states.TABLE[name][0]
    if known.checked is None and not known.problem and name not in _NEVER_TESTED:
        known = replace(known, checked=connection_states.VERIFIED)  # what the state is about comes later
    spec = {
        "termsOfUse": {"accepted": True},
        "suspend": known.suspended,
        "deliveryConfig": {
            "serviceURL": "https://focus.example.org/springfield/ims/oneroster/v1p1",
            "credentialsSecretRef": {"name": "focus-credentials"},
        },
    }
    return _object("FocusConnection", "springfield", known.generation, spec, connection_status.of(known))


def _approval(state: str) -> Object:
    spec = {
        "connectionRef": {"kind": "FocusConnection", "name": "springfield"},
        "runRef": {"name": "r", "uid": "6e0d9ba0-0000-4000-8000-000000000001"},
        "planDigest": run_states.A,
        "expiresAt": (run_states.NOW + timedelta(days=7)).isoformat().replace("+00:00", "Z"),
    }
    if state in ("Approved", "Rejected"):
        spec |= {"decision": state, "decidedBy": "dana", "reason": "end of term"}
    pending = _object("SyncApproval", "r-aaaaaaaa", 1, spec, {})
    return pending | {"status": approvals.status(pending, state, None, run_states.NOW)}


def argo_tests() -> dict[Path, str]:
    """Argo CD's tests of health, in its own layout: file -> text."""
    made = {}
    for kind, found in states().items():
        tests: list[Object] = []
        for state, (obj, _, health) in found.items():
            expected = {"status": health, "message": _message(obj)}
            if any(test["healthStatus"] == expected for test in tests):
                continue  # nothing else would be seen
            path = f"testdata/{re.sub('[^a-z]+', '-', state.lower())}.yaml"
            made[FOLDER / kind / path] = _yaml(obj)
            tests.append({"healthStatus": expected, "inputPath": path})
        made[FOLDER / kind / "health_test.yaml"] = _yaml({"tests": tests})
    return made


def _message(obj: Object) -> str:
    """What Argo CD is to show beside the health."""
    words = {"SyncRun": "run", "FocusConnection": "spec", "SyncApproval": "decision"}
    if obj["status"]["observedGeneration"] == UNSEEN:
        return f"The operator has not looked at this {words[obj['kind']]} yet."
    told = {c["type"]: c for c in obj["status"]["conditions"]}
    main = "Succeeded" if obj["kind"] == "SyncRun" else "Ready"
    return str((told.get("Stalled") or told.get("Reconciling") or told[main])["message"])


def _yaml(data: Object) -> str:
    return yaml.safe_dump(data, sort_keys=False, width=120, allow_unicode=True)


if __name__ == "__main__":
    for path, text in argo_tests().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path)
