"""Why a Job's pod does not run, in words that say what to do."""

import pytest

from rostersync.controller.runs.pod_diagnosis import of

JOB = {"metadata": {"name": "j"}, "spec": {}}
SUSPENDED = {"metadata": {"name": "j"}, "spec": {"suspend": True}}


def pod(waiting=None, message="", unscheduled="", phase="Pending", running=False):
    state = {"waiting": {"reason": waiting, "message": message}} if waiting else {"running": {}} if running else {}
    conditions = [{"type": "PodScheduled", "status": "False", "message": unscheduled}] if unscheduled else []
    containers = [{"name": "sync", "image": "rostersync:0.1.0", "state": state}] if state else []
    status = {"phase": phase, "conditions": conditions, "containerStatuses": containers}
    return {"metadata": {"name": "p"}, "status": status}


def event(reason, message, kind="Warning", at="2026-11-24T02:00:00Z", **more):
    return {"type": kind, "reason": reason, "message": message, "lastTimestamp": at} | more


PSA = event("FailedCreate", 'pods "j-x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true')
QUOTA = event("FailedCreate", 'pods "j-x" is forbidden: exceeded quota: small, requested: memory=1Gi')
ACCOUNT = event(
    "FailedCreate",
    'pods "j-x" is forbidden: error looking up service account ns/x: serviceaccount "rostersync-jobs" not found',
)
WEBHOOK = event("FailedCreate", 'admission webhook "x" denied the request: no')
NO_SECRET = event("FailedMount", 'MountVolume.SetUp failed for volume "credentials" : secret "focus" not found')
NO_MAP = event("FailedMount", 'MountVolume.SetUp failed for volume "ca" : configmap "district-ca" not found')
NO_DISK = event("FailedAttachVolume", "Multi-Attach error for volume pvc-1: already used by pod x")

TROUBLES = {
    "nothing to see": (JOB, [], [], None),
    "a pod that runs": (JOB, [pod(running=True, phase="Running")], [NO_SECRET], None),
    "a pod that is being made": (JOB, [pod("ContainerCreating")], [], None),
    "a queue of the cluster holds the Job": (SUSPENDED, [], [PSA], ("JobSuspended", "when the queue lets it")),
    "no node takes the pod": (
        JOB,
        [pod(unscheduled="0/3 nodes are available: 3 Insufficient memory.")],
        [],
        ("Unschedulable", "3 Insufficient memory. Check spec.jobTemplate"),
    ),
    "an image that is not there": (
        JOB,
        [pod("ErrImagePull")],
        [],
        ("ImageNotPulled", "rostersync:0.1.0 cannot be pulled (ErrImagePull)"),
    ),
    "an image that is still not there": (JOB, [pod("ImagePullBackOff")], [], ("ImageNotPulled", "imagePullSecrets")),
    "an image that must not be pulled": (JOB, [pod("ErrImageNeverPull")], [], ("ImageNotPulled", "--image")),
    "a Secret that the container needs": (
        JOB,
        [pod("CreateContainerConfigError", 'secret "focus" not found')],
        [],
        ("SecretNotFound", "Secret focus is not in this namespace: create it, and the Job continues."),
    ),
    "a container that cannot be made": (
        JOB,
        [pod("CreateContainerConfigError", "container has runAsNonRoot and image will run as root")],
        [],
        ("ContainerNotCreated", "will run as root."),
    ),
    "a container that ends again and again": (
        JOB,
        [pod("CrashLoopBackOff", "back-off")],
        [],
        ("ContainerNotCreated", ""),
    ),
    "a Secret that cannot be mounted": (
        JOB,
        [pod()],
        [NO_SECRET],
        ("SecretNotFound", "Secret focus is not in this namespace"),
    ),
    "a ConfigMap that cannot be mounted": (
        JOB,
        [pod("ContainerCreating")],
        [NO_MAP],
        ("ConfigMapNotFound", "ConfigMap district-ca is not"),
    ),
    "a volume that is somewhere else": (JOB, [pod()], [NO_DISK], ("VolumeNotMounted", "already used by pod x.")),
    "the newest warning counts": (
        JOB,
        [pod()],
        [NO_DISK | {"lastTimestamp": "2026-11-24T02:05:00Z"}, NO_SECRET],
        ("VolumeNotMounted", "Multi-Attach"),
    ),
    "an event that is no warning": (JOB, [pod()], [NO_SECRET | {"type": "Normal"}], None),
    "a warning of something else": (JOB, [pod()], [event("BackOff", 'secret "x" not found')], None),
    "an event of the newer sort": (
        JOB,
        [pod()],
        [{k: v for k, v in NO_SECRET.items() if k != "lastTimestamp"} | {"eventTime": "2026"}],
        ("SecretNotFound", "focus"),
    ),
    "pod security": (JOB, [], [PSA], ("PodRefused", "Pod security refuses the pod: ")),
    "a quota": (JOB, [], [QUOTA], ("QuotaExceeded", "quota: small")),
    "a service account": (
        JOB,
        [],
        [ACCOUNT],
        ("ServiceAccountNotFound", "kubectl create serviceaccount rostersync-jobs"),
    ),
    "an admission webhook": (JOB, [], [WEBHOOK], ("PodRefused", "The API server refuses the pod: ")),
    "pods that ended say nothing of the one to come": (JOB, [pod(phase="Failed")], [], None),
    "the second of two pods": (
        JOB,
        [pod(phase="Failed"), pod("ErrImagePull")],
        [],
        ("ImageNotPulled", "cannot be pulled"),
    ),
}


@pytest.mark.parametrize(("job", "pods", "events", "expected"), TROUBLES.values(), ids=TROUBLES)
def test_trouble(job, pods, events, expected):
    found = of(job, pods, events)

    assert (found.reason if found else None) == (expected[0] if expected else None)
    if expected:
        assert expected[1] in found.message


def test_a_long_text_is_cut_and_is_one_line():
    found = of(JOB, [], [event("FailedCreate", "no\n" * 1000)])

    assert len(found.message) < 700
    assert "\n" not in found.message
    assert found.message.endswith(".")


def test_a_refusal_after_which_a_replacement_is_missing_is_seen():
    """The first pod was evicted; the next is refused, say since the namespace's labels changed meanwhile."""
    assert of(JOB, [pod(phase="Failed")], [PSA]).reason == "PodRefused"
