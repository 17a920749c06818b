"""Jobs as they are sent to the API server. Pure: the same input gives the same Job under the same name."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from rostersync.api.kinds import RUN
from rostersync.attempts import APPLY, CHECK, DELIVER, PLAN, PURGE, Attempt, Mount
from rostersync.controller.cluster.cache import Object
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
_RUN = "/var/run/rostersync"
_DATA = "/var/lib/rostersync"
_SPARE = 60  # seconds between the pod's own deadline and the Job's, which deletes the pod
_LIGHT = {"requests": {"cpu": "20m", "memory": "96Mi"}, "limits": {"memory": "512Mi"}}  # no engine, no records


@dataclass(frozen=True)
class Volume:
    """A volume and its mount path."""

    name: str
    source: Mapping[str, Any]
    path: str
    read_only: bool = False


def plan_job(
    run: Object, view: View, options: Options, step: StartPlan, finished: Sequence[str], known: Sequence[str]
) -> Object:
    """The Job that plans. `finished`: `NAME=ok|failed` of the ended runs, oldest first. `known`: all runs."""
    meta, history = run["metadata"], view.spec.history.runs
    args = [
        "--run", meta["name"], "--uid", meta["uid"], "--number", str(step.number),
        "--created", meta["creationTimestamp"], *(["--again"] if step.again else []),
        "--keep-successful", str(history.successful), "--keep-failed", str(history.failed),
        *_loopback(options), *(["--dry-run"] if run["spec"].get("mode") == "DryRun" else []),
        *(f"--finished={name}" for name in finished), *(f"--known={name}" for name in known),
    ]  # fmt: skip
    return _job(run, RUN.name, PLAN, step.number, args, view, options)


def apply_job(run: Object, view: View, options: Options, step: StartApply, of_plan: int) -> Object:
    """The Job that applies. It has no credentials of the SIS."""
    meta, consent = run["metadata"], step.consent
    args = [
        "--run", meta["name"], "--uid", meta["uid"], "--number", str(step.number),
        "--of-plan", str(of_plan), "--plan", step.digest,
    ]  # fmt: skip
    if consent:
        args += [
            f"--approved-by={consent.decided_by}", f"--approval={consent.approval}",
            f"--approval-uid={consent.approval_uid or ''}", f"--reason={consent.reason}",
            *(["--four-eyes"] if consent.four_eyes_enforced else []),
            *([f"--previous-connection={consent.previous_connection}"] if consent.previous_connection else []),
        ]  # fmt: skip
    job = _job(run, RUN.name, APPLY, step.number, args, view, options)
    job["metadata"]["labels"] = job["metadata"]["labels"] | {PLAN_LABEL: str(of_plan)}
    return job


def deliver_job(run: Object, view: View, options: Options, step: StartDeliver) -> Object:
    """The Job that delivers. It has neither credentials of the SIS nor a plan."""
    meta = run["metadata"]
    args = ["--run", meta["name"], "--uid", meta["uid"], "--number", str(step.number)]
    return _job(run, RUN.name, DELIVER, step.number, args, view, options)


def check_job(connection: Object, view: View, options: Options, number: int, token: str) -> Object:
    """The Job of Test Connection. `token` identifies the spec or request that asked for it."""
    job = _job(connection, view.known.ref.kind, CHECK, number, _loopback(options), view, options, token)
    job["metadata"]["labels"] = job["metadata"]["labels"] | {CHECK_LABEL: digits(token)}
    return job


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
    args = [*(f"--run={n}" for n in dropped), *(f"--remove={n}" for n in removed)]
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
    volumes = [v for mount in attempt.mounts for v in _VOLUMES[mount](view)]
    volumes = list({v.path: v for v in reversed(volumes)}.values())[::-1]  # one Secret may be mounted for two purposes
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "serviceAccountName": template.serviceAccountName or options.service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": _USER, "runAsGroup": _USER, "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(attempt, args, volumes, view, options)],
        "volumes": [{"name": v.name, **v.source} for v in (*volumes, *_SPARE_ROOM)],
    }  # fmt: skip
    if template.nodeSelector:
        pod["nodeSelector"] = dict(template.nodeSelector)
    if template.tolerations:
        pod["tolerations"] = [t.model_dump(exclude_none=True, mode="json") for t in template.tolerations]
    if template.imagePullSecrets:
        pod["imagePullSecrets"] = [{"name": s.name} for s in template.imagePullSecrets]
    return {
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {
            "name": job_name(meta["name"], attempt.name, number, f"{meta['uid']}{token}"), "namespace": meta["namespace"],
            "labels": marked,
            "ownerReferences": [
                {
                    "apiVersion": "rostersync.dev/v1alpha1", "kind": kind, "name": meta["name"], "uid": meta["uid"],
                    "controller": True, "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            "completions": 1, "parallelism": 1, "backoffLimit": attempt.pods - 1, "podReplacementPolicy": "Failed",
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
    }  # fmt: skip


def _container(
    attempt: Attempt, args: Sequence[str], volumes: Sequence[Volume], view: View, options: Options
) -> Object:
    asked = view.spec.jobTemplate.resources
    resources: dict[str, Any] = dict(options.resources)
    if attempt.light:
        resources = _LIGHT
    elif asked.requests or asked.limits:
        resources = {k: dict(v) for k, v in (("requests", asked.requests), ("limits", asked.limits)) if v}
    deadline = int((attempt.deadline or options.job_deadline).total_seconds()) - _SPARE
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
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": v.name, "mountPath": v.path} | ({"readOnly": True} if v.read_only else {})
            for v in (*volumes, *_SPARE_ROOM)
        ],
    }  # fmt: skip


_SPARE_ROOM = (
    Volume("scratch", {"emptyDir": {}}, "/scratch"),
    Volume("tmp", {"emptyDir": {}}, "/tmp"),  # noqa: S108  (a volume of the pod's own)
)


def _connection(view: View) -> list[Volume]:
    path = {"path": "connection", "fieldRef": {"fieldPath": f"metadata.annotations['{SPEC_ANNOTATION}']"}}
    return [Volume("connection", {"downwardAPI": {"items": [path]}}, f"{_RUN}/connection", read_only=True)]


def _source(view: View) -> list[Volume]:
    """The Secrets needed to log in to the SIS."""
    if view.endpoint is None:
        raise ValueError(f"no Job reads by the invalid spec of {view.name}")
    out = [_secret("credentials", view.endpoint.secret)]
    if view.endpoint.ca_bundle:
        name = view.endpoint.ca_bundle.name
        out.append(Volume("ca", {"configMap": {"name": name}}, f"{_RUN}/configmaps/{name}", read_only=True))
    return out


def _key(view: View) -> list[Volume]:
    reference = view.spec.artifacts.encryptionKeySecretRef
    return [_secret("key", reference.name)] if reference else []


def _secret(volume: str, name: str) -> Volume:
    return Volume(volume, {"secret": {"secretName": name}}, f"{_RUN}/secrets/{name}", read_only=True)


def _store(view: View, *, read_only: bool) -> list[Volume]:
    claim, secrets = view.placement.claim, view.placement.secrets(writes=not read_only)
    volumes = [_secret(f"store-{number}", secret.name) for number, secret in enumerate(secrets)]
    if claim:
        # Only the mount is read-only. A read-only claim on a blank block volume never mounts.
        volumes.append(
            Volume("store", {"persistentVolumeClaim": {"claimName": claim.name}}, f"{_DATA}/store", read_only)
        )
    return volumes


def _artifacts(view: View) -> list[Volume]:
    claim = {"persistentVolumeClaim": {"claimName": view.artifacts_claim}}
    return [Volume("artifacts", claim, f"{_DATA}/artifacts")]


def _deliveries(view: View) -> list[Volume]:
    return [_secret(f"delivery-{place}", name) for place, name in enumerate(view.delivery_secrets)]


_VOLUMES: dict[Mount, Callable[[View], list[Volume]]] = {
    Mount.CONNECTION: _connection,
    Mount.SOURCE: _source,
    Mount.STORE_TO_READ: partial(_store, read_only=True),
    Mount.STORE_TO_WRITE: partial(_store, read_only=False),
    Mount.ARTIFACTS: _artifacts,
    Mount.KEY: _key,
    Mount.DELIVERIES: _deliveries,
}
