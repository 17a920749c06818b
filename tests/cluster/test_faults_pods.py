"""Pods, Jobs, runs and connections that go while something of them is at work: the store is old or new, never between."""

import random
import time

from support.cluster.alone import catching, revisions
from support.cluster.forks import Process
from support.cluster.kubelet import Kubelet
from support.cluster.pods import pods_of
from support.cluster.scene import Object, Scene, succeeded


def test_pods_that_are_killed_are_tried_again_and_a_plan_is_applied_once(scene: Scene, kubelet: Kubelet) -> None:
    pauses = [random.uniform(0, 0.6) for _ in range(3)]
    print("killed after", pauses)
    with (
        catching(kubelet, "one", "plan") as plan,
        catching(kubelet, "one", "apply") as apply,
        catching(kubelet, "two", "apply") as other,
    ):
        scene.connect()
        scene.connect("shelbyville")
        scene.run("one")
        scene.run("two", "shelbyville")
        for caught, pause in zip((plan, other, apply), pauses, strict=True):
            process = caught.wait(scene)
            if pause > 0.1:  # or it is killed before it has begun
                caught.go_on()
                time.sleep(pause)
            process.kill()
    for run, district in (("one", "springfield"), ("two", "shelbyville")):
        _applied_by_one_job(scene, run)
        assert [r.run for r in revisions(scene, kubelet, district)] == [run]


def test_pods_that_are_deleted_are_made_again_and_a_plan_is_applied_once(scene: Scene, kubelet: Kubelet) -> None:
    with catching(kubelet, "one", "plan") as plan, catching(kubelet, "one", "apply") as apply:
        scene.connect()
        scene.run("one")
        for half, caught in (("plan", plan), ("apply", apply)):
            process = caught.wait(scene)
            (pod,) = pods_of(scene.cluster, scene.namespace, f"rostersync.dev/job={half}")
            scene.kubectl("delete", "pod", pod["metadata"]["name"], "--wait=false")
            caught.go_on()
            assert process.wait() in (143, 0)  # 0: it was through before it heard
    _applied_by_one_job(scene, "one")
    assert [r.run for r in revisions(scene, kubelet)] == ["one"]


def test_an_apply_that_nobody_heard_of_is_found_done_and_not_done_again(scene: Scene, kubelet: Kubelet) -> None:
    with catching(kubelet, "one", "apply", unheard=True) as caught:
        scene.connect()
        scene.run("one")
        caught.wait(scene)
    run = _applied_by_one_job(scene, "one")
    assert run["status"]["revision"] == 1
    assert [r.run for r in revisions(scene, kubelet)] == ["one"]


def test_a_job_deleted_while_it_applies_is_made_again_and_applies_once(scene: Scene, kubelet: Kubelet) -> None:
    with catching(kubelet, "one", "apply") as caught:
        scene.connect()
        scene.run("one")
        caught.wait(scene)
        (job,) = [j["metadata"]["name"] for j in scene.list("jobs") if "one-apply-1" in j["metadata"]["name"]]
        scene.kubectl("delete", "job", job, "--wait=false")
    run = scene.ended("one", "Applied")
    assert {j["type"]: j["attempts"] for j in run["status"]["jobs"]} == {"Plan": 1, "Apply": 2}
    assert [r.run for r in revisions(scene, kubelet)] == ["one"]


def test_a_run_deleted_at_work_takes_its_job_along_and_leaves_a_whole_store(scene: Scene, kubelet: Kubelet) -> None:
    scene.connect()
    for name, half in (("one", "plan"), ("two", "apply")):
        with catching(kubelet, name, half) as caught:
            scene.run(name)
            process = caught.wait(scene)
            scene.kubectl("delete", "syncrun", name)
        scene.wait(lambda: _gone(scene, name, process), f"end of all that worked for {name}")  # noqa: B023  (called here)
    found = [r.run for r in revisions(scene, kubelet)]
    assert found in ([], ["two"])
    scene.run("three")
    if found:
        scene.ended("three", "NoChanges")
    else:
        scene.ended("three", "Applied")
        assert [r.run for r in revisions(scene, kubelet)] == ["three"]


def test_an_apply_that_has_begun_ends_though_its_connection_is_deleted(scene: Scene, kubelet: Kubelet) -> None:
    with catching(kubelet, "one", "apply") as caught:
        scene.connect()
        scene.run("one")
        caught.wait(scene)
        scene.kubectl("delete", "focusconnection", "springfield")
    _applied_by_one_job(scene, "one")
    assert [r.run for r in revisions(scene, kubelet)] == ["one"]


def test_a_connection_made_again_with_looser_limits_holds_its_next_deletes(scene: Scene, kubelet: Kubelet) -> None:
    scene.connect()
    scene.run("one")
    scene.ended("one", "Applied")
    scene.kubectl("delete", "focusconnection", "springfield")
    scene.connect(syncHoldThreshold={"rules": [{"entity": "*", "change": "Delete", "percent": 100}]})
    scene.simulator.add_event("mass-leave:30")
    scene.run("two")
    scene.held("two")
    run = scene.get("syncrun", "two")
    assert {h["reason"] for h in run["status"]["holds"]} == {"ConnectionChanged", "SafetyLoosened"}
    assert "revision" not in run["status"]
    assert [r.run for r in revisions(scene, kubelet)] == ["one"]


def _gone(scene: Scene, run: str, process: Process) -> bool:
    jobs = [j for j in scene.list("jobs") if j["metadata"]["name"].startswith(f"{run}-")]
    return not jobs and process.poll() is not None


def _applied_by_one_job(scene: Scene, name: str) -> Object:
    run = scene.ended(name, "Applied")
    assert {j["type"]: j["attempts"] for j in run["status"]["jobs"]} == {"Plan": 1, "Apply": 1}, succeeded(run)
    return run
