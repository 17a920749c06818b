"""Why a Job's pod does not run, in words that say what to do. Pure: takes the Job, its pods and their events."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rostersync.api.kubernetes import Condition, Event, PodStatus, Waiting, event_time, job_spec, meta, pod_status
from rostersync.controller.cluster.cache import Object

_NOT_PULLED = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable")
_NOT_CREATED = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff")
_SECRET = re.compile(r'(secret|configmap) "([^"]+)" not found')
_ACCOUNT = re.compile(r'serviceaccount "([^"]+)" not found')


@dataclass(frozen=True)
class Trouble:
    """What keeps a Job from starting. `patient`: it may last, since it is intended."""

    reason: str
    message: str
    patient: bool = False


def of(job: Object, pods: Sequence[Object], events: Iterable[Event]) -> Trouble | None:
    """What keeps an unfinished Job from starting. None when nothing does."""
    if job_spec(job).get("suspend"):
        return Trouble(
            "JobSuspended",
            "The Job is suspended by a queue of the cluster, and starts when the queue lets it.",
            patient=True,
        )
    warned = sorted((e for e in events if e.get("type") == "Warning"), key=event_time)
    if all(pod_status(p).get("phase") in ("Succeeded", "Failed") for p in pods):
        newest = max((meta(p).get("creationTimestamp", "") for p in pods), default="")
        return next((t for e in reversed(warned) if event_time(e) >= newest and (t := _refused(e))), None)
    live = (pod_status(p) for p in pods if pod_status(p).get("phase") in (None, "", "Pending"))
    return next((found for status in live if (found := _of_pod(status, warned))), None)


def _of_pod(status: PodStatus, warned: Sequence[Event]) -> Trouble | None:
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return Trouble(
                "Unschedulable",
                f"No node takes the pod: {_text(condition)} Check spec.jobTemplate (resources, nodeSelector, tolerations) and "
                "the claims' volumes.",
            )
    for container in status.get("containerStatuses") or ():
        waiting = container.get("state", {}).get("waiting", {})
        if waiting.get("reason") in _NOT_PULLED:
            return Trouble(
                "ImageNotPulled",
                f"The image {container.get('image', '')} cannot be pulled ({waiting['reason']}): check the operator's --image and "
                "spec.jobTemplate.imagePullSecrets.",
            )
        if waiting.get("reason") in _NOT_CREATED:
            text = _text(waiting)
            return _missing(text) or Trouble("ContainerNotCreated", f"The container cannot be created: {text}")
    for event in reversed(warned):
        if event.get("reason") in ("FailedMount", "FailedAttachVolume"):
            text = _text(event)
            return _missing(text) or Trouble("VolumeNotMounted", f"A volume cannot be mounted: {text}")
    return None


def _missing(text: str) -> Trouble | None:
    found = _SECRET.search(text)
    if not found:
        return None
    kind, name = ("Secret", found[2]) if found[1] == "secret" else ("ConfigMap", found[2])
    return Trouble(f"{kind}NotFound", f"{kind} {name} is not in this namespace: create it, and the Job continues.")


def _refused(event: Event) -> Trouble | None:
    if event.get("reason") != "FailedCreate":
        return None
    text = _text(event)
    account = _ACCOUNT.search(text)
    if account:
        return Trouble(
            "ServiceAccountNotFound",
            f"Service account {account[1]} is not in this namespace: create it (`kubectl create serviceaccount {account[1]}`), or "
            "name another in spec.jobTemplate.serviceAccountName.",
        )
    if "exceeded quota" in text:
        return Trouble("QuotaExceeded", f"The namespace's quota does not allow the pod: {text}")
    if "PodSecurity" in text:
        return Trouble("PodRefused", f"Pod security refuses the pod: {text}")
    return Trouble("PodRefused", f"The API server refuses the pod: {text}")


def _text(said: Condition | Waiting | Event) -> str:
    text = " ".join((said.get("message") or said.get("reason") or "").split())
    return text[:600] + ("" if text[:600].endswith(".") else ".")
