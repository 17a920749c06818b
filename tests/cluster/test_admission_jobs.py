"""What the operator itself may start, and that nobody else passes for it."""

import copy
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rostersync.controller import jobs
from rostersync.controller.options import Options
from rostersync.controller.view import view
from rostersync.lifecycle.steps import StartApply, StartPlan
from support.cluster.plane import ControlPlane
from support.cluster.pods import finish_pod, pods_of, start_pod
from support.cluster.product import install_product
from support.commands import until
from support.everybody import DIGEST, Manifest, People, connection, made, refused, run

RUN = "rostersync.dev/run"
OPTIONS = Options(image="rostersync:0.1.0")


@pytest.fixture
def people(plane: ControlPlane, namespace: str) -> Iterator[People]:
    with People(plane, namespace) as everybody:
        yield everybody


def started(people: People) -> Manifest:
    """The Job that the operator's own code makes to plan a run."""
    fcon = made(people.erin.create(connection(artifacts={"encryptionKeySecretRef": {"name": "key"}})))
    srun = made(people.alice.create(run()))
    return jobs.plan_job(srun, view(fcon), OPTIONS, StartPlan(), [], [])


def test_the_operators_own_jobs_pass(people: People) -> None:
    manifest = started(people)
    made(people.operator.create(manifest))
    fcon, srun = people.admin.get("FocusConnection", "springfield"), people.admin.get("SyncRun", "monday")
    seen = view(fcon)
    made(people.operator.create(jobs.apply_job(srun, seen, OPTIONS, StartApply(DIGEST, None), 1)))
    made(people.operator.create(jobs.check_job(fcon, seen, OPTIONS, 1, "new")))
    made(people.operator.create(jobs.purge_job(srun, seen, OPTIONS, ["monday"], [], "ended")))
    made(people.operator.create(jobs.purge_job(None, seen, OPTIONS, [], ["monday"], "gone")))
    name = manifest["metadata"]["name"]
    made(people.operator.patch("Job", name, {"spec": {"ttlSecondsAfterFinished": 60}}))
    made(people.operator.delete("Job", name))


def test_a_job_of_before_an_upgrade_can_still_be_given_its_end(people: People, plane: ControlPlane) -> None:
    """Other images are allowed now: no such Job can be made, but those that are there can go."""
    manifest = started(people)
    name, patch = manifest["metadata"]["name"], {"spec": {"ttlSecondsAfterFinished": 60}}
    made(people.operator.create(manifest))
    policy = "operator-jobs.rostersync.dev"
    told = json.loads(plane.kubectl("get", "validatingadmissionpolicy", policy, "-o", "json", check=True).stdout)
    settings = {"images": "['new.example/']"}
    variables = [v | {"expression": settings.get(v["name"], v["expression"])} for v in told["spec"]["variables"]]
    text = json.dumps({"spec": {"variables": variables}})
    plane.kubectl("patch", "validatingadmissionpolicy", policy, "--type=merge", "-p", text, check=True)
    try:
        other = changed(manifest, "metadata.name", f"{name}-2")
        until(lambda: people.operator.create(other, dry_run=True).status_code == 403)
        made(people.operator.patch("Job", name, patch))
    finally:
        install_product(plane)


def changed(manifest: Manifest, path: str, value: Any) -> Manifest:
    """The manifest with another value at a dotted path; None takes it out."""
    out = copy.deepcopy(manifest)
    *above, last = (int(p) if p.isdigit() else p.replace("|", ".") for p in path.split("."))
    node: Any = out
    for key in above:
        node = node.setdefault(key, {}) if isinstance(node, dict) else node[key]
    if value is None:
        del node[last]
    elif isinstance(node, list) and last == len(node):
        node.append(value)
    else:
        node[last] = value
    return out


C = "spec.template.spec.containers.0"
P = "spec.template.spec"
FENCE: list[tuple[str, str, Any]] = [
    ("Jobs with the label", "metadata.labels", {"app": "x"}),
    ("same label", "spec.template.metadata.labels", {"app": "x"}),
    ("the owner is", "metadata.ownerReferences", None),
    ("the owner is", "metadata.ownerReferences.0.kind", "SyncApproval"),
    ("the owner is", "metadata.ownerReferences.0.uid", "11111111-2222-3333-4444-555555555555"),
    ("the owner is", "metadata.ownerReferences.0.apiVersion", "v1"),
    ("one container", f"{P}.containers.1", {"name": "other", "image": "rostersync:0.1.0"}),
    ("one container", f"{P}.initContainers", [{"name": "other", "image": "rostersync:0.1.0"}]),
    ("the image is not", f"{C}.image", "busybox"),
    ("the image is not", f"{C}.image", "mallory.example/rostersync:0.1.0"),
    ("the command is", f"{C}.command", ["sh", "-c", "env"]),
    ("the command is", f"{C}.command", None),
    ("the command is", f"{C}.args.0", "operator"),
    ("no lifecycle hook", f"{C}.lifecycle", {"postStart": {"exec": {"command": ["sh"]}}}),
    ("no lifecycle hook", f"{C}.livenessProbe", {"exec": {"command": ["sh"]}}),
    ("no Secret in the environment", f"{C}.envFrom", [{"secretRef": {"name": "other"}}]),
    (
        "no Secret in the environment",
        f"{C}.env",
        [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "other", "key": "k"}}}],
    ),
    ("no Secret in the environment", f"{C}.env", [{"name": "PYTHONPATH", "value": "/scratch"}]),
    ("service account", f"{P}.serviceAccountName", "default"),
    ("service account", f"{P}.serviceAccountName", None),
    ("service account", f"{P}.automountServiceAccountToken", True),
    ("service account", f"{P}.automountServiceAccountToken", None),
    ("volumes are", f"{P}.volumes.0", {"name": "connection", "hostPath": {"path": "/"}}),
    (
        "volumes are",
        f"{P}.volumes.0",
        {"name": "connection", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
    ),
    (
        "claim's name",
        f"{P}.volumes.0",
        {"name": "connection", "persistentVolumeClaim": {"claimName": "somebody-elses"}},
    ),
    ("mounts lie under", f"{C}.volumeMounts.0.mountPath", "/opt/rostersync/lib"),
    ("mounts lie under", f"{C}.volumeMounts.0.mountPath", "/tmpx"),
    ("mounts lie under", f"{C}.volumeMounts.0.mountPath", "/scratch/../opt"),
    ("pods are restricted", f"{P}.hostNetwork", True),
    ("pods are restricted", f"{P}.hostPID", True),
    ("pods are restricted", f"{P}.securityContext", None),
    ("pods are restricted", f"{P}.securityContext.seccompProfile.type", "Unconfined"),
    ("pods are restricted", f"{P}.securityContext.runAsUser", 0),
    ("pods are restricted", f"{C}.securityContext.runAsUser", 0),
    ("pods are restricted", f"{C}.securityContext.capabilities.add", ["NET_ADMIN"]),
    ("pods are restricted", f"{C}.securityContext.readOnlyRootFilesystem", False),
    ("pods are restricted", f"{C}.securityContext", None),
]


def test_whoever_has_the_operators_token_can_start_nothing_else(people: People) -> None:
    manifest = started(people)
    for says, path, value in FENCE:
        told = refused(people.operator.create(changed(manifest, path, value)))
        assert "operator-jobs.rostersync.dev" in told, path
        assert says in told, path


def test_the_operator_cannot_touch_jobs_of_others(people: People) -> None:
    made(people.mallory.create(job("theirs")))
    assert "only Jobs with the label" in refused(people.operator.delete("Job", "theirs"))
    suspend = {"spec": {"suspend": True}}
    assert "only Jobs with the label" in refused(people.operator.patch("Job", "theirs", suspend))
    adopt = {"metadata": {"labels": {RUN: "x"}}}
    assert "are fenced" in refused(people.operator.patch("Job", "theirs", adopt))


def job(name: str, labels: dict[str, str] | None = None, pod_labels: dict[str, str] | None = None) -> Manifest:
    pod = {"restartPolicy": "Never", "containers": [{"name": "sync", "image": "busybox"}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"template": {"metadata": {"labels": pod_labels or {}}, "spec": pod}},
    }


def pod(name: str, labels: dict[str, str], **metadata: Any) -> Manifest:
    spec = {"restartPolicy": "Never", "containers": [{"name": "sync", "image": "busybox"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels} | metadata, "spec": spec}


def test_nobody_else_gives_a_job_or_pod_an_owner_of_our_kinds(people: People) -> None:
    """A Job under the name of the operator's next one would be taken for its own."""
    ours = started(people)
    forged = job(ours["metadata"]["name"])
    forged["metadata"]["ownerReferences"] = ours["metadata"]["ownerReferences"]
    assert "is the rostersync operator's to make" in refused(people.mallory.create(forged))
    made(people.mallory.create(job("plain")))
    made(people.mallory.create(pod("plain", {})))
    owned = {"metadata": {"ownerReferences": ours["metadata"]["ownerReferences"]}}
    assert "is the rostersync operator's to make" in refused(people.mallory.patch("Job", "plain", owned))
    assert "is made by the Job controller only" in refused(people.mallory.patch("Pod", "plain", owned))


def test_a_job_outlives_its_run_when_asked_to(people: People, plane: ControlPlane, namespace: str) -> None:
    """Then the garbage collector takes the owner away, which no policy may refuse."""
    name = made(people.operator.create(started(people)))["metadata"]["name"]
    code, told = people.alice.kubectl("delete", "syncrun", "monday", "--cascade=orphan", "--timeout=30s")
    assert code == 0, told
    end = time.monotonic() + 20
    while people.admin.get("Job", name)["metadata"].get("ownerReferences"):
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize("who", ["mallory", "admin"])
def test_nobody_else_makes_a_job_or_pod_that_looks_like_the_operators(people: People, who: str) -> None:
    """A pod with the Job's labels and owner could say in its report that a plan holds nothing."""
    ours = started(people)
    kept = made(people.operator.create(ours))
    person = getattr(people, who)
    labels = ours["metadata"]["labels"]
    name, uid = kept["metadata"]["name"], kept["metadata"]["uid"]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid, "controller": True}
    forged = pod("forged", labels | {"job-name": name}, ownerReferences=[owner])
    assert "is made by the Job controller only" in refused(person.create(forged))
    assert "is the rostersync operator's to make" in refused(person.create(job("forged", labels)))
    assert "is the rostersync operator's to make" in refused(person.create(job("forged", pod_labels=labels)))
    made(person.create(pod("plain", {"app": "x"})))
    made(person.create(job("plain")))
    mark = {"metadata": {"labels": labels}}
    assert "is made by the Job controller only" in refused(person.patch("Pod", "plain", mark))
    assert "is the rostersync operator's to make" in refused(person.patch("Job", "plain", mark))


def test_no_other_controller_makes_such_pods(people: People, plane: ControlPlane, namespace: str) -> None:
    """Under --use-service-account-credentials=false they all write as system:kube-controller-manager."""
    labels = {RUN: "x"}
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "u-1", "controller": True}
    name = "system:kube-controller-manager"
    plane.kubectl("-n", namespace, "create", "rolebinding", "m", "--clusterrole=edit", f"--user={name}", check=True)
    manager = people.user(name)
    assert "is made by the Job controller only" in refused(
        manager.create(pod("forged", labels, ownerReferences=[owner]))
    )
    owner |= {"apiVersion": "batch/v1", "kind": "Job"}
    made(manager.create(pod("honest", labels, ownerReferences=[owner])))


def test_marks_of_the_operators_jobs_and_pods_stay(people: People, plane: ControlPlane, namespace: str) -> None:
    """The pod reads its connection from its annotation: another one there would send its Secrets elsewhere."""
    ours = made(people.operator.create(started(people)))["metadata"]["name"]
    (theirs,) = until_there(plane, namespace)
    name = theirs["metadata"]["name"]
    for change in ({"labels": {RUN: None}}, {"labels": {"rostersync.dev/number": "9"}}):
        assert "nor change what begins with rostersync.dev/" in refused(
            people.mallory.patch("Job", ours, {"metadata": change})
        )
        assert "nor change what begins with rostersync.dev/" in refused(
            people.mallory.patch("Pod", name, {"metadata": change})
        )
    elsewhere = {"metadata": {"annotations": {"rostersync.dev/connection": "forged"}}}
    assert "nor change what begins with" in refused(people.mallory.patch("Pod", name, elsewhere))
    made(people.mallory.patch("Job", ours, {"spec": {"suspend": True}}))
    end = time.monotonic() + 20
    while people.admin.get("Job", ours)["status"].get("startTime"):
        assert time.monotonic() < end
        time.sleep(0.1)
    template = {"spec": {"template": elsewhere}}
    assert "nor change what begins with" in refused(people.mallory.patch("Job", ours, template))
    made(
        people.mallory.patch("Job", ours, {"spec": {"template": {"spec": {"nodeSelector": {"a": "b"}}}}})
    )  # as Kueue does


def until_there(plane: ControlPlane, namespace: str) -> list[Manifest]:
    end = time.monotonic() + 20
    while not (found := pods_of(plane, namespace, RUN)):
        assert time.monotonic() < end, "the Job controller made no pod"
        time.sleep(0.1)
    return found


def test_the_job_controller_and_the_kubelet_go_on(people: People, plane: ControlPlane, namespace: str) -> None:
    """Pods are made, started, finished and released, and the Job completes, under the policies."""
    name = made(people.operator.create(started(people)))["metadata"]["name"]
    (theirs,) = until_there(plane, namespace)
    finish_pod(plane, start_pod(plane, theirs), 0, "{}")
    plane.kubectl("-n", namespace, "wait", "--for=condition=Complete", f"job/{name}", "--timeout=30s", check=True)
    assert people.admin.get("Pod", theirs["metadata"]["name"])["metadata"].get("finalizers") is None
    assert datetime.now(UTC) - timedelta(minutes=5) < datetime.fromisoformat(
        people.admin.get("Job", name)["status"]["completionTime"]
    )


@pytest.mark.parametrize("who", ["mallory", "admin"])
def test_nobody_else_gives_a_pod_to_a_job_of_ours(
    people: People, plane: ControlPlane, namespace: str, who: str
) -> None:
    """The Job controller adopts a pod by this label alone, and its end would be the Job's."""
    ours = made(people.operator.create(started(people)))
    (theirs,) = until_there(plane, namespace)
    person, label = getattr(people, who), "batch.kubernetes.io/controller-uid"
    stranger = pod("stranger", {label: ours["metadata"]["uid"]})
    until(
        lambda: people.admin.create(stranger, dry_run=True).status_code == 403
    )  # policies know of a Job a moment later
    assert "is made by the Job controller only" in refused(person.create(stranger))
    made(person.create(pod("other", {label: "another"})))
    mark = {"metadata": {"labels": {label: ours["metadata"]["uid"]}}}
    assert "is made by the Job controller only" in refused(person.patch("Pod", "other", mark))
    made(person.patch("Pod", "other", {"metadata": {"labels": {label: "a-third"}}}))
    made(person.patch("Pod", theirs["metadata"]["name"], {"metadata": {"annotations": {"seen": "yes"}}}))
