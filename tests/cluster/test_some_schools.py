"""A run of some schools on a real API server: its Job plans these schools alone, and everybody can see what is left."""

from pathlib import Path

from rostersync.simulator.bundle import Bundle
from support.cluster.scene import Scene, succeeded
from support.leaving import DISTRICT, NORTH, SOUTH, students, without


def test_a_run_of_a_school_leaves_the_others_to_the_next_whole_run(scene: Scene, tmp_path: Path) -> None:
    scene.simulator.serve(Bundle(DISTRICT))
    scene.connect()
    scene.run("first")
    scene.ended("first", "Applied")
    left = [*students(NORTH)[:2], *students(SOUTH)[:2]]
    scene.simulator.serve(Bundle(without(left, tmp_path / "smaller")))

    scene.run("north", schools=[NORTH])
    north = scene.ended("north", "Applied")
    count = {e["entity"]: e for e in north["status"]["entities"]}["Student"]
    assert (count["deleted"], count["outOfScope"]) == (2, 2)
    beyond = north["status"]["totals"]["outOfScope"]
    assert (
        f"{beyond} changes that are not of its schools alone wait for a run of the whole district."
        in succeeded(north)[2]
    )
    told = scene.kubectl("patch", "syncrun", "north", "--type=merge", "-p", '{"spec":{"schools":[]}}', code=1)
    assert "make another SyncRun" in told

    scene.run("wrong", schools=["1001"])
    wrong = scene.ended("wrong", "Failed")
    assert succeeded(wrong)[1] == "SchoolNotMapped"
    assert succeeded(wrong)[2].startswith("1001: no mapped school has this id in the store")
    assert NORTH in succeeded(wrong)[2]

    scene.run("rest")
    rest = scene.ended("rest", "Applied")
    assert rest["status"]["totals"]["deleted"] == beyond
    assert rest["status"]["totals"]["outOfScope"] == 0
