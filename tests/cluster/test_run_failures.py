"""How runs fail, and what a person is told to do; nothing of it loops, nothing half applies."""

import json

import pytest

from support.cluster.kubelet import Kubelet
from support.cluster.pods import disrupt_pod, finish_pod, pods_of, set_unschedulable, set_waiting, start_pod
from support.cluster.scene import Object, Scene, condition, succeeded


@pytest.fixture
def no_plan_pods(kubelet: Kubelet) -> Kubelet:
    """The test says itself what becomes of plan pods."""
    kubelet.hold.add("plan")
    yield kubelet  # type: ignore[misc]
    kubelet.hold.discard("plan")


def _pod(scene: Scene, stage: str = "plan") -> Object:
    def newest() -> Object | None:
        pods = pods_of(scene.cluster, scene.namespace, f"rostersync.dev/job={stage}")
        live = [p for p in pods if (p.get("status") or {}).get("phase") not in ("Succeeded", "Failed")]
        return live[-1] if live else None

    found: Object = scene.wait(newest, f"a pod that is to {stage}")
    return found


def test_a_wrong_secret_fails_at_once_and_says_which(scene: Scene) -> None:
    scene.cluster.apply(scene.secret(clientID="wrong", clientSecret="wrong"))
    scene.connect()
    scene.run("one")
    run = scene.ended("one", "Failed")
    assert succeeded(run)[1] == "CredentialsRefused"
    assert f"check Secret {scene.namespace}/focus-credentials" in succeeded(run)[2]
    assert condition(run, "Stalled")[0] == "True"


def test_a_missing_secret_is_named_and_the_run_goes_on_when_it_comes(scene: Scene) -> None:
    scene.kubectl("delete", "secret", "focus-credentials")
    scene.connect()
    scene.run("one")
    said = scene.until("syncrun", "one", lambda r: "focus-credentials" in succeeded(r)[2])
    assert succeeded(said)[1] == "Planning"
    assert "Secret focus-credentials is not in this namespace: create it, and the Job continues" in succeeded(said)[2]
    scene.cluster.apply(scene.secret())
    scene.ended("one", "Applied")


def test_a_missing_service_account_is_named(scene: Scene) -> None:
    scene.kubectl("delete", "serviceaccount", "rostersync-jobs")
    scene.connect()
    scene.run("one")
    said = scene.until("syncrun", "one", lambda r: "rostersync-jobs" in succeeded(r)[2])
    assert "kubectl create serviceaccount rostersync-jobs" in succeeded(said)[2]


def test_a_quota_that_allows_no_pod_is_named(scene: Scene) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": scene.namespace},
        "spec": {"hard": {"pods": "0"}},
    }
    scene.cluster.apply(quota)
    scene.wait(lambda: scene.get("resourcequota", "none").get("status"), "the quota")
    scene.connect()
    scene.run("one")
    said = scene.until("syncrun", "one", lambda r: "quota" in succeeded(r)[2])
    assert "exceeded quota: none" in succeeded(said)[2]


@pytest.mark.parametrize(
    ("waiting", "told"),
    [
        ("ErrImageNeverPull", "The image rostersync:test cannot be pulled (ErrImageNeverPull)"),
        ("ImagePullBackOff", "check the operator's --image"),
        ("CreateContainerConfigError", "The container cannot be created"),
    ],
)
def test_a_pod_that_cannot_start_is_explained_and_given_up(
    scene: Scene, no_plan_pods: Kubelet, waiting: str, told: str
) -> None:
    scene.connect()
    scene.run("one")
    set_waiting(scene.cluster, _pod(scene), waiting, "nothing there")
    said = scene.until("syncrun", "one", lambda r: told in succeeded(r)[2])
    assert succeeded(said)[1] == "Planning"
    run = scene.ended("one", "Failed")
    assert "Given up" in succeeded(run)[2]
    scene.wait(lambda: not pods_of(scene.cluster, scene.namespace, "rostersync.dev/job=plan"), "end of the pod")


def test_an_unschedulable_pod_is_explained(scene: Scene, no_plan_pods: Kubelet) -> None:
    scene.connect()
    scene.run("one")
    set_unschedulable(scene.cluster, _pod(scene), "0/3 nodes are available: 3 Insufficient memory.")
    said = scene.until("syncrun", "one", lambda r: "No node takes the pod" in succeeded(r)[2])
    assert "Insufficient memory" in succeeded(said)[2]


def test_memory_that_does_not_suffice_is_named_after_every_try(scene: Scene, no_plan_pods: Kubelet) -> None:
    scene.connect()
    scene.run("one")
    for _ in range(3):
        pod = _pod(scene)
        start_pod(scene.cluster, pod)
        finish_pod(scene.cluster, pod, 137, "", "OOMKilled")
    run = scene.ended("one", "Failed")
    assert succeeded(run)[1] == "OutOfMemory"
    assert "jobTemplate.resources.limits.memory" in succeeded(run)[2]


def test_a_lost_report_is_made_again_by_another_job(scene: Scene, no_plan_pods: Kubelet) -> None:
    scene.connect()
    scene.run("one")
    pod = _pod(scene)
    start_pod(scene.cluster, pod)
    no_plan_pods.hold.discard("plan")
    finish_pod(scene.cluster, pod, 0, "")
    run = scene.ended("one", "Applied")
    plan = next(j for j in run["status"]["jobs"] if j["type"] == "Plan")
    assert plan["attempts"] == 2


def test_a_job_deleted_by_hand_is_made_again(scene: Scene, no_plan_pods: Kubelet) -> None:
    scene.connect()
    scene.run("one")
    scene.stands("one", "Planning")
    _pod(scene)
    (job,) = [j["metadata"]["name"] for j in scene.list("jobs") if "one-plan-1" in j["metadata"]["name"]]
    no_plan_pods.hold.discard("plan")
    scene.kubectl("delete", "job", job)
    run = scene.ended("one", "Applied")
    assert next(j for j in run["status"]["jobs"] if j["type"] == "Plan")["attempts"] == 2


def test_disruptions_are_counted_and_are_no_failures(scene: Scene, no_plan_pods: Kubelet) -> None:
    scene.connect()
    scene.run("one")
    for _ in range(2):
        pod = _pod(scene)
        start_pod(scene.cluster, pod)
        disrupt_pod(scene.cluster, pod)
    scene.until("syncrun", "one", lambda r: r["status"].get("disruptions") == 2)
    no_plan_pods.hold.discard("plan")
    assert scene.ended("one", "Applied")["status"]["disruptions"] == 2


def test_a_report_that_a_pod_forged_applies_nothing_that_was_held(scene: Scene, kubelet: Kubelet) -> None:
    scene.connect(previewDataUpload=True)
    kubelet.hold.add("plan")
    try:
        scene.run("one")
        pod = _pod(scene)
        report = {
            "run": "one",
            "stage": "done",
            "digest": f"sha256:{'0' * 64}",
            "baseRevision": 0,
            "noChanges": False,
            "outboxPending": False,
            "entities": [],
            "holdsTotal": 0,
            "holds": [],
            "schools": {},
        }
        start_pod(scene.cluster, pod)
        finish_pod(scene.cluster, pod, 0, json.dumps(report))
    finally:
        kubelet.hold.discard("plan")
    run = scene.ended("one", "Failed")
    assert "revision" not in run["status"]


def test_terms_that_are_not_accepted_are_said_by_run_and_connection(scene: Scene) -> None:
    scene.connect(termsOfUse={"accepted": False})
    scene.run("one")
    assert succeeded(scene.ended("one", "Failed"))[1] == "TermsNotAccepted"
    assert condition(scene.until("focusconnection", "springfield", _is_judged), "Ready")[:2] == (
        "False",
        "TermsNotAccepted",
    )


def _is_judged(connection: Object) -> bool:
    return condition(connection, "Ready")[0] != ""


def test_a_claim_of_another_district_is_refused(scene: Scene) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "rostersync-mine", "namespace": scene.namespace},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    scene.cluster.apply(claim)
    scene.connect(store={"embedded": {"existingClaim": "rostersync-mine"}})
    scene.run("one")
    found = condition(scene.until("focusconnection", "springfield", _is_judged), "Ready")
    assert found[:2] == ("False", "ClaimNotLabelled")
    assert "rostersync.dev/district=springfield" in found[2]
    assert "is not ready" in succeeded(scene.stands("one", "Queued"))[2]
    scene.kubectl("label", "pvc", "rostersync-mine", "rostersync.dev/district=springfield")
    scene.ended("one", "Applied")
