"""Jobs as they are sent to the API server. Pure: the same input, the same Job, under the same name."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rostersync.controller.cache import Object
from rostersync.controller.options import (
    CHECK_LABEL,
    CONNECTION_LABEL,
    DISTRICT_LABEL,
    NUMBER_LABEL,
    PLAN_LABEL,
    RUN_LABEL,
    SPEC_ANNOTATION,
    STAGE_LABEL,
    Options,
)
from rostersync.controller.view import View
from rostersync.lifecycle.names import job_name, label_value
from rostersync.lifecycle.steps import StartApply, StartPlan

_USER = 65532
_RUN = "/var/run/rostersync"
_DATA = "/var/lib/rostersync"
_SPARE = 60  # seconds between the pod's own deadline and the Job's, which deletes the pod
_CHECK_DEADLINE = 240
_PURGE_DEADLINE = 1800
_LIGHT = {"requests": {"cpu": "20m", "memory": "96Mi"}, "limits": {"memory": "512Mi"}}  # no engine, no records


@dataclass(frozen=True)
class Volume:
    """A volume and where it is mounted."""

    name: str
    source: Mapping[str, Any]
    path: str
    read_only: bool = False


def plan_job(
    run: Object, view: View, options: Options, step: StartPlan, finished: Sequence[str], known: Sequence[str]
) -> Object:
    """The Job that plans. `finished`: `NAME=ok|failed` of ended runs of the connection, oldest first; `known`: all runs."""
    meta, history = run["metadata"], view.spec.history.runs
    args = [
        "job", "plan", "--run", meta["name"], "--uid", meta["uid"], "--number", str(step.number),
        "--created", meta["creationTimestamp"], *(["--again"] if step.again else []),
        "--keep-successful", str(history.successful), "--keep-failed", str(history.failed),
        *_loopback(options), *(["--dry-run"] if run["spec"].get("mode") == "DryRun" else []),
        *(f"--finished={name}" for name in finished), *(f"--known={name}" for name in known),
    ]  # fmt: skip
    volumes = [*_source(view), _store(view, read_only=True), _artifacts(view), *_key(view)]
    return _job(run, "SyncRun", "plan", step.number, args, volumes, view, options, options.job_deadline.total_seconds())


def apply_job(run: Object, view: View, options: Options, step: StartApply, of_plan: int) -> Object:
    """The Job that applies; it has no credentials of the SIS."""
    meta, consent = run["metadata"], step.consent
    args = [
        "job", "apply", "--run", meta["name"], "--uid", meta["uid"], "--number", str(step.number),
        "--of-plan", str(of_plan), "--plan", step.digest,
    ]  # fmt: skip
    if consent:
        args += [
            f"--approved-by={consent.decided_by}", f"--approval={consent.approval}",
            f"--approval-uid={consent.approval_uid}", f"--reason={consent.reason}",
            *(["--four-eyes"] if consent.four_eyes_enforced else []),
            *([f"--previous-connection={consent.previous_connection}"] if consent.previous_connection else []),
        ]  # fmt: skip
    volumes = [_spec(), _store(view, read_only=False), _artifacts(view), *_key(view)]
    job = _job(run, "SyncRun", "apply", step.number, args, volumes, view, options, options.job_deadline.total_seconds())
    job["metadata"]["labels"] = job["metadata"]["labels"] | {PLAN_LABEL: str(of_plan)}
    return job


def check_job(connection: Object, view: View, options: Options, number: int, token: str) -> Object:
    """The Job of Test Connection; `token` tells what asked for it."""
    job = _job(
        connection, view.known.kind, "check", number, ["job", "check", *_loopback(options)], _source(view), view, options, _CHECK_DEADLINE,
        token,
    )  # fmt: skip
    job["metadata"]["labels"] = job["metadata"]["labels"] | {CHECK_LABEL: digits(token)}
    job["spec"]["backoffLimit"] = 0  # the operator tries again itself, later each time
    return job


def _loopback(options: Options) -> list[str]:
    return ["--allow-loopback"] if options.allow_loopback else []


def renamed(job: Object, taken: int) -> Object:
    """The same Job under another name, when so many of its names are taken by Jobs of others."""
    if not taken:
        return job
    name = job["metadata"]["name"]
    other = f"{name[:-8]}{hashlib.sha256(f'{name}/{taken}'.encode()).hexdigest()[:8]}"
    return {**job, "metadata": {**job["metadata"], "name": other}}


def digits(token: str) -> str:
    """A token as the value of a label."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def purge_job(
    owner: Object | None, view: View, options: Options, dropped: Sequence[str], removed: Sequence[str], token: str
) -> Object:
    """The Job that takes artifacts away: of `dropped` what only an unfinished run needs, of `removed` everything."""
    args = ["job", "purge", *(f"--run={n}" for n in dropped), *(f"--remove={n}" for n in removed)]
    about = owner or {"metadata": {"name": view.name, "namespace": view.namespace, "uid": view.uid}}
    job = _job(about, "SyncRun", "purge", 1, args, [_artifacts(view)], view, options, _PURGE_DEADLINE, token)
    if owner is None:  # the connection is gone: nothing is left that could own its last Job
        del job["metadata"]["ownerReferences"]
    job["spec"]["ttlSecondsAfterFinished"] = int(options.finished_ttl.total_seconds())
    return job


def _job(
    owner: Object, kind: str, stage: str, number: int, args: Sequence[str], volumes: Sequence[Volume], view: View,
    options: Options, deadline: float, token: str = "",
) -> Object:  # fmt: skip
    meta, template = owner["metadata"], view.spec.jobTemplate
    ours = {
        RUN_LABEL: meta["uid"], STAGE_LABEL: stage, NUMBER_LABEL: str(number),
        DISTRICT_LABEL: label_value(view.district), CONNECTION_LABEL: label_value(view.name),
    }  # fmt: skip
    marked = dict(template.labels) | ours
    own = deadline - _SPARE
    volumes = list({v.path: v for v in reversed(volumes)}.values())[::-1]  # one Secret may serve twice
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
        "containers": [_container(args, volumes, view, options, own)],
        "volumes": [{"name": v.name, **v.source} for v in (*volumes, *_SPARE_ROOM)],
    }  # fmt: skip
    if template.nodeSelector:
        pod["nodeSelector"] = dict(template.nodeSelector)
    if template.tolerations:
        pod["tolerations"] = [t.model_dump(exclude_none=True, mode="json") for t in template.tolerations]
    if template.imagePullSecrets:
        pod["imagePullSecrets"] = [{"name": s.name} for s in template.imagePullSecrets]
    needs_spec = any(v.name == "connection" for v in volumes)
    return {
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {
            "name": job_name(meta["name"], stage, number, f"{meta['uid']}{token}"), "namespace": meta["namespace"],
            "labels": marked,
            "ownerReferences": [
                {
                    "apiVersion": "rostersync.dev/v1alpha1", "kind": kind, "name": meta["name"], "uid": meta["uid"],
                    "controller": True, "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            "completions": 1, "parallelism": 1, "backoffLimit": 2, "podReplacementPolicy": "Failed",
            "activeDeadlineSeconds": int(deadline),
            "podFailurePolicy": {
                "rules": [
                    {"action": "FailJob", "onExitCodes": {"containerName": "sync", "operator": "In", "values": [42]}},
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                ]
            },
            "template": {
                "metadata": {"labels": marked}
                | ({"annotations": {SPEC_ANNOTATION: view.packed}} if needs_spec else {}),
                "spec": pod,
            },
        },
    }  # fmt: skip


def _container(args: Sequence[str], volumes: Sequence[Volume], view: View, options: Options, own: float) -> Object:
    asked = view.spec.jobTemplate.resources
    resources: dict[str, Any] = dict(options.resources)
    if args[1] in ("check", "purge"):
        resources = _LIGHT
    elif asked.requests or asked.limits:
        resources = {k: dict(v) for k, v in (("requests", asked.requests), ("limits", asked.limits)) if v}
    timed = [] if args[1] == "purge" else ["--deadline", str(int(own))]
    return {
        "name": "sync",
        "image": options.image,
        "imagePullPolicy": options.image_pull_policy,
        "command": ["rostersync"],
        "args": [*args, *timed],
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


def _spec() -> Volume:
    path = {"path": "connection", "fieldRef": {"fieldPath": f"metadata.annotations['{SPEC_ANNOTATION}']"}}
    return Volume("connection", {"downwardAPI": {"items": [path]}}, f"{_RUN}/connection", read_only=True)


def _source(view: View) -> list[Volume]:
    """The connection and what it needs to log in to the SIS."""
    if view.endpoint is None:
        raise ValueError(f"no Job reads by the invalid spec of {view.name}")
    out = [_spec(), _secret("credentials", view.endpoint.secret)]
    if view.endpoint.ca_bundle:
        name = view.endpoint.ca_bundle.name
        out.append(Volume("ca", {"configMap": {"name": name}}, f"{_RUN}/configmaps/{name}", read_only=True))
    return out


def _key(view: View) -> list[Volume]:
    reference = view.spec.artifacts.encryptionKeySecretRef
    return [_secret("key", reference.name)] if reference else []


def _secret(volume: str, name: str) -> Volume:
    return Volume(volume, {"secret": {"secretName": name}}, f"{_RUN}/secrets/{name}", read_only=True)


def _store(view: View, *, read_only: bool) -> Volume:
    # Read-only by the mount alone: a read-only claim on a blank block volume never mounts.
    claim = {"persistentVolumeClaim": {"claimName": view.store_claim}}
    return Volume("store", claim, f"{_DATA}/store", read_only)


def _artifacts(view: View) -> Volume:
    claim = {"persistentVolumeClaim": {"claimName": view.artifacts_claim}}
    return Volume("artifacts", claim, f"{_DATA}/artifacts")
