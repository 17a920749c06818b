"""Jobs as they are sent to the API server. Pure: the same input gives the same Job under the same name."""

import hashlib
from collections.abc import Sequence
from typing import Any

from rostersync.api.kinds import RUN
from rostersync.attempts import APPLY, CHECK, DELIVER, PLAN, PURGE, RESTORE, Attempt, Mount
from rostersync.controller.cluster.cache import Object
from rostersync.controller.job_volumes import Volume, volumes_of
from rostersync.controller.options import (
    CHECK_LABEL,
    CONNECTION_LABEL,
    DISTRICT_LABEL,
    NUMBER_LABEL,
    PLAN_LABEL,
    RUN_LABEL,
    SHARED,
    SPEC_ANNOTATION,
    STAGE_LABEL,
    STORE_LABEL,
    Options,
)
from rostersync.controller.view import View
from rostersync.lifecycle.names import connection_label, job_name, label_value
from rostersync.lifecycle.steps import StartApply, StartDeliver, StartPlan

_USER = 65532
_SPARE = 60  # seconds between the pod's own deadline and the Job's, which deletes the pod
_LIGHT = {"requests": {"cpu": "20m", "memory": "96Mi"}, "limits": {"memory": "512Mi"}}  # no engine, no records


def plan_job(
    run: Object, view: View, options: Options, step: StartPlan, finished: Sequence[str], known: Sequence[str]
) -> Object:
    """The Job that plans. `finished`: `NAME=ok|failed` of the ended runs, oldest first. `known`: all runs."""
    meta, history, restored = run["metadata"], view.spec.history.runs, run["spec"].get("restoreOf")
    args = [
        *_of(run, step.number),
        *("--created", meta["creationTimestamp"]),
        *(["--again"] if step.again else []),
        *("--keep-successful", str(history.successful)),
        *("--keep-failed", str(history.failed)),
        *_loopback(options),
        *(f"--school={school}" for school in run["spec"].get("schools", ())),
        *(f"--entity={entity}" for entity in run["spec"].get("entities", ())),
        *([f"--restore-of={restored}"] if restored else []),
        *(["--dry-run"] if run["spec"].get("mode") == "DryRun" else []),
        *(f"--finished={name}" for name in finished),
        *(f"--known={name}" for name in known),
    ]
    return _job(run, RUN.name, RESTORE if restored else PLAN, step.number, args, view, options)


def apply_job(run: Object, view: View, options: Options, step: StartApply, of_plan: int) -> Object:
    """The Job that applies. It has no credentials of the SIS."""
    args = [*_of(run, step.number), "--of-plan", str(of_plan), "--plan", step.digest, *_loopback(options)]
    if consent := step.consent:
        args += [
            f"--approved-by={consent.decided_by}",
            f"--approval={consent.approval}",
            f"--approval-uid={consent.approval_uid or ''}",
            f"--reason={consent.reason}",
            *(["--four-eyes"] if consent.four_eyes_enforced else []),
            *([f"--previous-connection={consent.previous_connection}"] if consent.previous_connection else []),
        ]
    job = _job(run, RUN.name, APPLY, step.number, args, view, options)
    job["metadata"]["labels"] = job["metadata"]["labels"] | {PLAN_LABEL: str(of_plan)}
    return job


def deliver_job(run: Object, view: View, options: Options, step: StartDeliver) -> Object:
    """The Job that delivers. It has neither credentials of the SIS nor a plan."""
    args = [*_of(run, step.number), *_loopback(options), *(f"--everything={name}" for name in _everything(run, view))]
    return _job(run, RUN.name, DELIVER, step.number, args, view, options)


def check_job(connection: Object, view: View, options: Options, number: int, token: str) -> Object:
    """The Job of Test Connection. `token` identifies the spec or request that asked for it."""
    job = _job(connection, view.known.ref.kind, CHECK, number, _loopback(options), view, options, token)
    job["metadata"]["labels"] = job["metadata"]["labels"] | {CHECK_LABEL: digits(token)}
    return job


def _of(run: Object, number: int) -> list[str]:
    """Arguments that say which attempt of which run this is."""
    return ["--run", run["metadata"]["name"], "--uid", run["metadata"]["uid"], "--number", str(number)]


def _everything(run: Object, view: View) -> list[str]:
    """Deliveries that are to get all of the roster from this run, and did not get it by an earlier try."""
    if not run["spec"].get("everything"):
        return []
    done = {d["name"] for d in (run.get("status") or {}).get("deliveries") or () if d["state"] == "Delivered"}
    return [delivery.name for delivery in view.spec.deliveries if delivery.name not in done]


def _loopback(options: Options) -> list[str]:
    return ["--allow-loopback"] if options.allow_loopback else []


def renamed(job: Object, taken: int) -> Object:
    """The same Job under another name, after `taken` of its names were found in use by foreign Jobs."""
    if not taken:
        return job
    name = job["metadata"]["name"]
    other = f"{name[:-8]}{hashlib.sha256(f'{name}/{taken}'.encode()).hexdigest()[:8]}"
    return {**job, "metadata": {**job["metadata"], "name": other}}


def digits(token: str) -> str:
    """A token, hashed to fit into a label."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def purge_job(
    owner: Object | None, view: View, options: Options, dropped: Sequence[str], removed: Sequence[str], token: str
) -> Object:
    """The Job that deletes artifacts: of `dropped` what only unfinished runs need, of `removed` everything."""
    args = [*_loopback(options), *(f"--run={n}" for n in dropped), *(f"--remove={n}" for n in removed)]
    about = owner or {"metadata": {"name": view.name, "namespace": view.namespace, "uid": view.uid}}
    job = _job(about, RUN.name, PURGE, 1, args, view, options, token)
    if owner is None:  # the connection is gone, so nothing is left that could own its last Job
        del job["metadata"]["ownerReferences"]
    return job


def _job(
    owner: Object,
    kind: str,
    attempt: Attempt,
    number: int,
    args: Sequence[str],
    view: View,
    options: Options,
    token: str = "",
) -> Object:
    meta, template = owner["metadata"], view.spec.jobTemplate
    deadline = attempt.deadline or options.job_deadline
    ours = {
        RUN_LABEL: meta["uid"],
        STAGE_LABEL: attempt.name,
        NUMBER_LABEL: str(number),
        DISTRICT_LABEL: label_value(view.district),
        CONNECTION_LABEL: connection_label(view.known.ref),
    }
    if not view.placement.exclusive:
        ours[STORE_LABEL] = SHARED
    marked = dict(template.labels) | ours
    volumes = volumes_of(attempt, view)
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "serviceAccountName": template.serviceAccountName or options.service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(attempt, number, args, volumes, view, options)],
        "volumes": [{"name": v.name, **v.source} for v in volumes],
    }
    if template.nodeSelector:
        pod["nodeSelector"] = dict(template.nodeSelector)
    if template.tolerations:
        pod["tolerations"] = [t.model_dump(exclude_none=True, mode="json") for t in template.tolerations]
    if template.imagePullSecrets:
        pod["imagePullSecrets"] = [{"name": s.name} for s in template.imagePullSecrets]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(meta["name"], attempt.name, number, f"{meta['uid']}{token}"),
            "namespace": meta["namespace"],
            "labels": marked,
            "ownerReferences": [
                {
                    "apiVersion": "rostersync.dev/v1alpha1",
                    "kind": kind,
                    "name": meta["name"],
                    "uid": meta["uid"],
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            "completions": 1,
            "parallelism": 1,
            "backoffLimit": attempt.pods - 1,
            "podReplacementPolicy": "Failed",
            "activeDeadlineSeconds": int(deadline.total_seconds()),
            **({} if attempt.awaited else {"ttlSecondsAfterFinished": int(options.finished_ttl.total_seconds())}),
            "podFailurePolicy": {
                "rules": [
                    {"action": "FailJob", "onExitCodes": {"containerName": "sync", "operator": "In", "values": [42]}},
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                ]
            },
            "template": {
                "metadata": {"labels": marked}
                | ({"annotations": {SPEC_ANNOTATION: view.packed}} if Mount.CONNECTION in attempt.mounts else {}),
                "spec": pod,
            },
        },
    }


def _container(
    attempt: Attempt, number: int, args: Sequence[str], volumes: Sequence[Volume], view: View, options: Options
) -> Object:
    asked = view.spec.jobTemplate.resources
    resources: dict[str, Any] = dict(options.resources)
    if attempt.light:
        resources = _LIGHT
    elif asked.requests or asked.limits:
        resources = {k: dict(v) for k, v in (("requests", asked.requests), ("limits", asked.limits)) if v}
    deadline = int((attempt.deadline or options.job_deadline).total_seconds()) - _SPARE
    if number == 1 and attempt.first_deadline:
        deadline = min(deadline, int(attempt.first_deadline.total_seconds()))
    timed = ["--deadline", str(deadline)] if attempt.awaited else []  # the pod ends first, so that it leaves a report
    return {
        "name": "sync",
        "image": options.image,
        "imagePullPolicy": options.image_pull_policy,
        "command": ["rostersync"],
        "args": ["job", attempt.name, *args, *timed],
        "resources": resources,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": v.name, "mountPath": v.path} | ({"readOnly": True} if v.read_only else {}) for v in volumes
        ],
    }
