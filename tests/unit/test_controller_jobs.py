"""The Jobs as they are sent: restricted, fenced, without a credential too many, and the same every time.

Over 300 lines: one topic; a test for each thing that a Job must say.
"""

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostersync.api.packed import unpack
from rostersync.api.policies_jobs import MOUNTS
from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.controller.connections.claims import claims
from rostersync.controller.jobs import apply_job, check_job, deliver_job, plan_job, purge_job
from rostersync.controller.options import Options
from rostersync.controller.view import view
from rostersync.lifecycle.steps import StartApply, StartDeliver, StartPlan
from rostersync.model import Consent
from support.example_delivery import HOST_KEY, registered

OPTIONS = Options("rostersync:0.1.0")
DIGEST = "sha256:" + "a" * 64
CONSENT = Consent("dana", DIGEST, "--end of term\n", "uid-2", True, approval="r-aaaaaaaa")
FEED = {
    "name": "feed",
    "oneRosterCSV": {},
    "sftp": {"host": "receiver", "secretRef": {"name": "feed"}, "hostKey": HOST_KEY},
}
SPEC = {
    "termsOfUse": {"accepted": True},
    "deliveryConfig": {
        "serviceURL": "https://focus.example/v1p1",
        "credentialsSecretRef": {"name": "focus"},
        "caBundleRef": {"name": "district-ca", "key": "ca.crt"},
    },
    "artifacts": {"encryptionKeySecretRef": {"name": "roster-key"}},
    "deliveries": [FEED],
}


def connection(name="springfield", spec=None):
    meta = {"name": name, "namespace": "rosters", "uid": "c-uid", "generation": 3, "labels": {"x": "y"}}
    return {
        "apiVersion": "rostersync.dev/v1alpha1",
        "kind": "FocusConnection",
        "metadata": meta,
        "spec": SPEC | (spec or {}),
    }


def run(name="r", uid="run-uid"):
    meta = {"name": name, "namespace": "rosters", "uid": uid, "creationTimestamp": "2026-11-24T02:00:00Z"}
    return {"metadata": meta, "spec": {"connectionRef": {"name": "springfield"}}}


def jobs(name="r", uid="run-uid", of="springfield", options=OPTIONS, number=1, **spec):
    """One Job of each kind."""
    obj = connection(of, spec)
    with registered():
        seen, owner = view(obj), run(name, uid)
    return {
        "plan": plan_job(owner, seen, options, StartPlan(number), ["a=ok", "b=failed"], ["a", "r"]),
        "apply": apply_job(owner, seen, options, StartApply(DIGEST, CONSENT, number), 2),
        "deliver": deliver_job(owner, seen, options, StartDeliver(number)),
        "check": check_job(obj, seen, options, number, "3/"),
        "purge": purge_job(owner, seen, options, ["r=run-uid"], ["old"], "end"),
    }


ALL = jobs()
KINDS = tuple(ALL)


def pod_of(job):
    return job["spec"]["template"]["spec"]


def container(job):
    return pod_of(job)["containers"][0]


def mounts(job):
    return {m["mountPath"]: m.get("readOnly", False) for m in container(job)["volumeMounts"]}


SECRET, MAP = "/var/run/rostersync/secrets/", "/var/run/rostersync/configmaps/"
STORE, ARTIFACTS = "/var/lib/rostersync/store", "/var/lib/rostersync/artifacts"
GIVEN, ROOM = {"/var/run/rostersync/connection": True}, {"/scratch": False, "/tmp": False}
MOUNTED = {
    "plan": GIVEN
    | ROOM
    | {
        SECRET + "focus": True,
        MAP + "district-ca": True,
        SECRET + "roster-key": True,
        STORE: True,
        ARTIFACTS: False,
    },
    "apply": GIVEN | ROOM | {SECRET + "roster-key": True, STORE: False, ARTIFACTS: False},
    "deliver": GIVEN | ROOM | {SECRET + "feed": True, STORE: False},
    "check": GIVEN | ROOM | {SECRET + "focus": True, MAP + "district-ca": True, SECRET + "feed": True},
    "purge": GIVEN | ROOM | {ARTIFACTS: False},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_gets_what_it_needs_and_nothing_else(kind):
    assert mounts(ALL[kind]) == MOUNTED[kind]
    named = {v["name"] for v in pod_of(ALL[kind])["volumes"]}
    assert named == {m["name"] for m in container(ALL[kind])["volumeMounts"]}


@pytest.mark.parametrize("kind", ["apply", "deliver"])
def test_only_what_reads_the_source_has_its_credentials(kind):
    assert "focus" not in json.dumps(pod_of(ALL[kind]))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_in_the_environment(kind):
    assert not {"env", "envFrom"} & set(container(ALL[kind]))
    assert pod_of(ALL[kind])["enableServiceLinks"] is False


@pytest.mark.parametrize("kind", KINDS)
def test_a_pod_is_restricted(kind):
    pod, one = pod_of(ALL[kind]), container(ALL[kind])

    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert one["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    kinds = {next(k for k in v if k != "name") for v in pod["volumes"]}
    assert kinds <= {"emptyDir", "downwardAPI", "secret", "configMap", "persistentVolumeClaim"}
    assert not {k for k in pod if k.startswith("host")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_meets_what_the_fence_demands(kind):
    job = ALL[kind]
    pod, one, marks = pod_of(job), container(job), job["metadata"]["labels"]
    (owner,) = job["metadata"]["ownerReferences"]

    assert owner["uid"] == marks["rostersync.dev/run"]
    assert owner["apiVersion"].startswith("rostersync.dev/")
    assert owner["kind"] == ("FocusConnection" if kind == "check" else "SyncRun")
    assert job["spec"]["template"]["metadata"]["labels"]["rostersync.dev/run"] == marks["rostersync.dev/run"]
    assert len(pod["containers"]) == 1
    assert "initContainers" not in pod
    assert (one["image"], one["command"], one["args"][:2]) == ("rostersync:0.1.0", ["rostersync"], ["job", kind])
    assert not {"lifecycle", "livenessProbe", "readinessProbe", "startupProbe", "volumeDevices"} & set(one)
    assert (pod["serviceAccountName"], pod["automountServiceAccountToken"]) == ("rostersync-jobs", False)
    assert all(any((m + "/").startswith(at) for at in MOUNTS) for m in mounts(job))
    claims = [v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "persistentVolumeClaim" in v]
    assert all(c.startswith("rostersync-") for c in claims)


def test_only_the_last_purge_of_a_connection_that_is_gone_has_no_owner():
    job = purge_job(None, view(connection()), OPTIONS, [], ["old"], "deleted")

    assert "ownerReferences" not in job["metadata"]
    assert job["metadata"]["labels"]["rostersync.dev/run"] == "c-uid"
    assert container(job)["args"] == ["job", "purge", "--remove=old"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_says_whose_it_is(kind):
    marks = ALL[kind]["metadata"]["labels"]

    assert marks["rostersync.dev/job"] == kind
    assert marks["rostersync.dev/number"] == "1"
    assert marks["rostersync.dev/district"] == marks["rostersync.dev/connection"] == "springfield"
    assert marks.get("rostersync.dev/of-plan") == ("2" if kind == "apply" else None)
    assert ALL[kind]["spec"]["template"]["metadata"]["labels"].items() <= marks.items()


@pytest.mark.parametrize("kind", KINDS)
def test_an_end_is_told_apart_and_keeps_its_report(kind):
    spec = ALL[kind]["spec"]

    # Test Connection and deliveries are made again by the operator itself, later each time. Nobody asks for a purge again.
    again = {"check": 0, "deliver": 0, "purge": 6}.get(kind, 2)
    assert (spec["completions"], spec["parallelism"], spec["backoffLimit"]) == (1, 1, again)
    assert spec["podReplacementPolicy"] == "Failed"
    fail, ignore = spec["podFailurePolicy"]["rules"]
    assert (fail["action"], fail["onExitCodes"]["values"]) == ("FailJob", [42])
    assert ignore == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert pod_of(ALL[kind])["restartPolicy"] == "Never"
    one = container(ALL[kind])
    assert (one["terminationMessagePath"], one["terminationMessagePolicy"]) == ("/dev/termination-log", "File")
    assert ("ttlSecondsAfterFinished" in spec) == (kind == "purge")


@pytest.mark.parametrize("kind", ["plan", "apply", "deliver", "check"])
@pytest.mark.parametrize("seconds", [300, 21600])
def test_a_pod_gives_up_before_its_job_does(kind, seconds):
    job = jobs(options=Options("i", job_deadline=timedelta(seconds=seconds)))[kind]
    args = container(job)["args"]

    own = int(args[args.index("--deadline") + 1])
    assert 0 < own <= job["spec"]["activeDeadlineSeconds"] - 30 - 10


ARGS = {
    "plan": [
        "job",
        "plan",
        "--run",
        "r",
        "--uid",
        "run-uid",
        "--number",
        "1",
        "--created",
        "2026-11-24T02:00:00Z",
        "--keep-successful",
        "14",
        "--keep-failed",
        "14",
        "--finished=a=ok",
        "--finished=b=failed",
        "--known=a",
        "--known=r",
        "--deadline",
        "21540",
    ],
    "apply": [
        "job",
        "apply",
        "--run",
        "r",
        "--uid",
        "run-uid",
        "--number",
        "1",
        "--of-plan",
        "2",
        "--plan",
        DIGEST,
        "--approved-by=dana",
        "--approval=r-aaaaaaaa",
        "--approval-uid=uid-2",
        "--reason=--end of term\n",
        "--four-eyes",
        "--deadline",
        "21540",
    ],
    "deliver": ["job", "deliver", "--run", "r", "--uid", "run-uid", "--number", "1", "--deadline", "900"],
    "check": ["job", "check", "--deadline", "180"],
    "purge": ["job", "purge", "--run=r=run-uid", "--remove=old"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_arguments(kind):
    assert container(ALL[kind])["args"] == ARGS[kind]


def test_a_plan_says_what_sort_of_plan_it_is():
    owner = run() | {"spec": {"mode": "DryRun", "connectionRef": {"name": "springfield"}}}
    dry = plan_job(owner, view(connection()), OPTIONS, StartPlan(2, again=True), [], [])

    assert {"--dry-run", "--again"} <= set(container(dry)["args"])
    assert not {"--dry-run", "--again"} & set(container(ALL["plan"])["args"])


def test_an_apply_without_holds_names_nobody():
    job = apply_job(run(), view(connection()), OPTIONS, StartApply(DIGEST, None, 1), 1)

    assert not [a for a in container(job)["args"] if a.startswith(("--appro", "--reason", "--four"))]


@pytest.mark.parametrize("kind", ["plan", "apply", "check"])
def test_a_job_is_given_its_connection_and_nothing_that_changes_with_time(kind):
    packed = ALL[kind]["spec"]["template"]["metadata"]["annotations"]["rostersync.dev/connection"]

    told = unpack(packed)
    assert told["metadata"] == {"name": "springfield", "namespace": "rosters", "uid": "c-uid"}
    assert FocusConnection.model_validate(told).spec == FocusConnection.model_validate(connection()).spec
    item = next(v for v in pod_of(ALL[kind])["volumes"] if v["name"] == "connection")["downwardAPI"]["items"][0]
    assert item["fieldRef"]["fieldPath"] == "metadata.annotations['rostersync.dev/connection']"


PARTS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(PARTS, min_size=1, max_size=4).map(".".join).filter(lambda name: len(name) <= 100)


@settings(max_examples=30)
@given(NAMES, NAMES, st.integers(1, 9999))
def test_names_and_labels_fit_and_are_the_same_every_time(name, of, number):
    made = jobs(name, of=of, number=number)

    assert made == jobs(name, of=of, number=number)
    names = {j["metadata"]["name"] for j in made.values()}
    assert len(names) == len(KINDS)
    for each in names:
        assert len(each) <= 63
        assert "." not in each
        assert each[0].isalnum()
    for job in made.values():
        assert all(len(v) <= 63 for v in job["metadata"]["labels"].values())


def test_names_differ_by_run_number_and_what_asked():
    known = {j["metadata"]["name"] for each in (jobs(), jobs(uid="other"), jobs(number=2)) for j in each.values()}
    again = check_job(connection(), view(connection()), OPTIONS, 1, "3/asked")["metadata"]["name"]

    assert len(known) == 5 + 4 + 4  # a check is the connection's; a purge has no number, but its run
    assert again not in known


TEMPLATE = {
    "resources": {"requests": {"cpu": "500m"}, "limits": {"memory": "2Gi"}},
    "nodeSelector": {"a": "b"},
    "tolerations": [{"key": "batch", "value": "rosters", "effect": "NoSchedule"}],
    "serviceAccountName": "others",
    "imagePullSecrets": [{"name": "registry"}],
    "labels": {"kueue.x-k8s.io/queue-name": "rosters"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_template_is_honoured(kind):
    job = jobs(jobTemplate=TEMPLATE)[kind]
    pod = pod_of(job)

    light = kind in ("check", "purge")
    assert (container(job)["resources"] == TEMPLATE["resources"]) is not light
    assert pod["nodeSelector"] == {"a": "b"}
    assert pod["tolerations"] == [{"key": "batch", "operator": "Equal", "value": "rosters", "effect": "NoSchedule"}]
    assert (pod["serviceAccountName"], pod["imagePullSecrets"]) == ("others", [{"name": "registry"}])
    for marks in (job["metadata"]["labels"], job["spec"]["template"]["metadata"]["labels"]):
        assert marks["kueue.x-k8s.io/queue-name"] == "rosters"


def test_without_resources_of_its_own_a_job_has_the_operator_s_and_little_where_it_does_little():
    for kind in ("plan", "apply"):
        assert container(ALL[kind])["resources"] == OPTIONS.resources
    for kind in ("check", "purge"):
        assert container(ALL[kind])["resources"]["requests"] == {"cpu": "20m", "memory": "96Mi"}


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_trial_lets_jobs_contact_their_own_machine(kind):
    assert "--allow-loopback" not in jobs()[kind]["spec"]["template"]["spec"]["containers"][0]["args"]
    trial = jobs(options=Options("i", allow_loopback=True))
    assert "--allow-loopback" in trial[kind]["spec"]["template"]["spec"]["containers"][0]["args"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_that_serves_twice_is_mounted_once(kind):
    job = jobs(artifacts={"encryptionKeySecretRef": {"name": "focus"}})[kind]

    at = [m["mountPath"] for m in container(job)["volumeMounts"]]
    named = [v["name"] for v in pod_of(job)["volumes"]]
    assert len(at) == len(set(at))
    assert len(named) == len(set(named)) == len(at)
    assert (SECRET + "focus" in at) == (kind not in ("deliver", "purge"))


@pytest.mark.parametrize("kind", KINDS)
def test_artifacts_in_a_bucket_are_worked_on_in_the_pod(kind):
    bucket = {"objectStorage": {"url": "s3://plans/springfield", "secretRef": {"name": "plans-key"}}}
    job = jobs(artifacts=bucket)[kind]

    sources = {
        m["mountPath"]: v
        for m in container(job)["volumeMounts"]
        for v in pod_of(job)["volumes"]
        if v["name"] == m["name"]
    }
    assert (SECRET + "plans-key" in sources) == (kind != "deliver")
    if kind in ("plan", "apply", "purge"):
        assert sources[ARTIFACTS] == {"name": "artifacts", "emptyDir": {"sizeLimit": "20Gi"}}
        assert sources[SECRET + "plans-key"]["secret"] == {"secretName": "plans-key"}
    else:
        assert ARTIFACTS not in sources
    if kind == "check":  # which says that the Secret is missing, and so must start without it
        assert sources[SECRET + "plans-key"]["secret"] == {"secretName": "plans-key", "optional": True}


def test_artifacts_in_a_bucket_need_no_claim():
    bucket = {"objectStorage": {"url": "s3://plans/springfield", "secretRef": {"name": "plans-key"}}}
    with registered():
        wanted = claims(view(connection(spec={"artifacts": bucket})))
    assert [claim.field for claim in wanted] == ["spec.store.embedded"]


def test_claims_that_are_there_already_are_mounted():
    made = jobs(store={"embedded": {"existingClaim": "mine"}}, artifacts={"existingClaim": "ours"}, district="d")

    sources = {v["name"]: v for v in pod_of(made["plan"])["volumes"]}
    assert sources["store"]["persistentVolumeClaim"] == {"claimName": "mine"}
    assert sources["artifacts"]["persistentVolumeClaim"] == {"claimName": "ours"}
    assert made["plan"]["metadata"]["labels"]["rostersync.dev/district"] == "d"


@pytest.mark.parametrize(
    ("asked", "became", "args"),
    [
        (False, {}, []),
        (True, {}, ["--everything=feed", "--everything=other"]),
        (True, {"feed": "Delivered", "other": "Failed"}, ["--everything=other"]),
        (True, {"feed": "Delivered", "other": "Delivered"}, []),
    ],
)
def test_everything_is_sent_once_by_a_run(asked, became, args):
    other = FEED | {"name": "other", "sftp": FEED["sftp"] | {"path": "/elsewhere"}}
    obj = connection(spec={"deliveries": [FEED, other]})
    owner = run()
    owner["spec"] |= {"mode": "Deliver", "everything": asked}
    owner["status"] = {"deliveries": [{"name": name, "state": state} for name, state in became.items()]}
    with registered():
        job = deliver_job(owner, view(obj), OPTIONS, StartDeliver(2))

    assert [arg for arg in container(job)["args"] if "everything" in arg] == args


@pytest.mark.parametrize(("number", "minutes"), [(1, 15), (2, 59), (9, 59)])
def test_the_first_try_to_deliver_gives_the_store_back_soon(number, minutes):
    job = jobs(number=number)["deliver"]

    assert job["spec"]["activeDeadlineSeconds"] == 3600
    given = container(job)["args"]
    assert int(given[given.index("--deadline") + 1]) == minutes * 60
