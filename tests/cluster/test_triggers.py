"""Runs that a connection asks for: by request, by a change of its spec, by schedule; each once, and old ones removed."""

from datetime import UTC, datetime

from support.cluster.scene import Object, Scene, condition


def _made(scene: Scene, trigger: str) -> list[Object]:
    return scene.list("syncruns", f"rostersync.dev/trigger={trigger}")


def test_a_request_makes_one_run_for_who_asked(scene: Scene) -> None:
    scene.connect()
    scene.kubectl("annotate", "focusconnection", "springfield", "rostersync.dev/requestedAt=monday")
    (run,) = scene.wait(lambda: _made(scene, "Request"), "a run")
    assert run["spec"]["requestedBy"] == "admin"
    scene.ended(run["metadata"]["name"], "Applied")
    seen = scene.until("focusconnection", "springfield", lambda c: (c["status"].get("lastRun") or {}).get("outcome"))
    assert seen["status"]["lastHandledRequestedAt"] == "monday"
    assert seen["status"]["lastRun"]["revision"] == 1
    scene.kubectl("annotate", "focusconnection", "springfield", "--overwrite", "rostersync.dev/requestedAt=tuesday")
    scene.wait(lambda: len(_made(scene, "Request")) == 2, "a second run")


def test_a_changed_spec_makes_a_run_where_that_is_asked_for(scene: Scene) -> None:
    scene.connect(runOn=["SpecChange"])
    (first,) = scene.wait(lambda: _made(scene, "SpecChange"), "a run")
    scene.ended(first["metadata"]["name"], "Applied")
    scene.kubectl("label", "focusconnection", "springfield", "colour=blue")
    scene.connect(runOn=["SpecChange"], sisIDPrefix="", history={"runs": {"successful": 3}})
    scene.wait(lambda: len(_made(scene, "SpecChange")) == 2, "a second run")


def test_a_schedule_starts_a_run_at_its_minute_once(scene: Scene) -> None:
    scene.connect(schedule={"cron": "* * * * *"})
    seen = scene.until("focusconnection", "springfield", lambda c: (c.get("status") or {}).get("nextRunTime"))
    promised = datetime.fromisoformat(seen["status"]["nextRunTime"])
    assert 0 <= (promised - datetime.now(UTC)).total_seconds() <= 60
    (run,) = scene.wait(lambda: _made(scene, "Schedule"), "a run")
    assert promised.strftime("%Y%m%dt%H%M") in run["metadata"]["name"]
    made = datetime.fromisoformat(run["metadata"]["creationTimestamp"])
    assert 0 <= (made - promised).total_seconds() < 15
    scene.connect(schedule={"cron": "0 0 1 1 *"})
    scene.ended(run["metadata"]["name"], "Applied")
    scene.until("focusconnection", "springfield", lambda c: c["status"]["nextRunTime"].endswith("-01-01T00:00:00Z"))
    assert len(_made(scene, "Schedule")) == 1
    scene.connect(schedule={"cron": "0 0 1 1 *"}, suspend=True)
    scene.until("focusconnection", "springfield", lambda c: "nextRunTime" not in c["status"])


def test_history_removes_only_what_the_operator_made(scene: Scene) -> None:
    scene.connect(history={"runs": {"successful": 1, "failed": 1}})
    scene.run("from-git")
    scene.ended("from-git", "Applied")
    for token in ("one", "two", "three"):
        before = len(_made(scene, "Request"))
        scene.kubectl(
            "annotate", "focusconnection", "springfield", "--overwrite", f"rostersync.dev/requestedAt={token}"
        )
        runs = scene.wait(lambda n=before: [r for r in _made(scene, "Request") if _new(r)], "a run")
        for run in runs:
            scene.ended(run["metadata"]["name"], "NoChanges")
    scene.wait(lambda: len(_made(scene, "Request")) == 1, "history of one")
    assert scene.get("syncrun", "from-git")


def _new(run: Object) -> bool:
    return not (run.get("status") or {}).get("outcome")


def test_imports_are_suspended_in_their_window_and_named_runs_say_so(scene: Scene) -> None:
    window = [{"start": "2020-01-01T00:00:00", "end": "2090-01-01T00:00:00"}]
    scene.connect(dataRollover={"suspendImport": window}, runOn=["SpecChange"])
    scene.run("named")
    scene.ended("named", "ImportSuspended")
    scene.until("focusconnection", "springfield", lambda c: (c.get("status") or {}).get("lastRunSpecHash"))
    assert _made(scene, "SpecChange") == []


def test_connection_is_tested_and_its_schools_are_counted(scene: Scene) -> None:
    scene.connect()
    seen = scene.until("focusconnection", "springfield", lambda c: condition(c, "ConnectionVerified")[0] == "True")
    assert condition(seen, "ConnectionVerified")[2] == "Connection is OK"
    assert condition(seen, "Ready")[0] == condition(seen, "SchoolsComplete")[0] == "True"
    assert seen["status"]["schools"]["found"] == seen["status"]["schools"]["mapped"] > 0
    scene.kubectl("annotate", "focusconnection", "springfield", "rostersync.dev/checkRequestedAt=now")
    scene.until("focusconnection", "springfield", lambda c: c["status"].get("lastHandledCheckRequestedAt") == "now")


def test_a_failed_test_connection_is_made_again_when_the_secret_is_right(scene: Scene) -> None:
    scene.cluster.apply(scene.secret(clientID="wrong", clientSecret="wrong"))
    scene.connect()
    seen = scene.until("focusconnection", "springfield", lambda c: condition(c, "ConnectionVerified")[0] == "False")
    assert condition(seen, "Ready")[:2] == ("False", "CredentialsRefused")
    scene.cluster.apply(scene.secret())
    scene.until("focusconnection", "springfield", lambda c: condition(c, "Ready")[0] == "True")


def test_schools_that_nobody_mapped_are_counted_as_missing(scene: Scene) -> None:
    scene.connect(schoolsMapping={"mode": "Selected", "schools": [{"sourcedId": "no-such-school"}]})
    seen = scene.until("focusconnection", "springfield", lambda c: (c.get("status") or {}).get("schools"))
    schools = seen["status"]["schools"]
    assert schools["mapped"] == 0
    assert schools["missing"] == schools["found"] == len(schools["missingIDs"])
