"""A second kind of store works by one record: what its Jobs mount, which claims are made, and who waits for whom."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.api.v1alpha1.storage import Store as StoreSpec
from rostersync.controller import turns
from rostersync.controller.cluster.cache import JOBS, RUNS, Cache, Object, labels
from rostersync.controller.cluster.queue import Queue
from rostersync.controller.connections.claims import claims
from rostersync.controller.jobs import apply_job, check_job, deliver_job, plan_job, purge_job
from rostersync.controller.options import Options
from rostersync.controller.runs.slots import Slots
from rostersync.controller.shared import Shared
from rostersync.controller.view import View, view
from rostersync.errors import NotYetSupported
from rostersync.lifecycle.steps import StartApply, StartDeliver, StartPlan
from rostersync.stores.registry import STORES, kind_of, placement_of
from support.example_store import SPEC, registered

OPTIONS = Options("rostersync:0.1.0")
SECRETS = "/var/run/rostersync/secrets/"
STORE = "/var/lib/rostersync/store"


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    with registered():
        yield


def connection(name: str = "springfield", store: Object = SPEC) -> Object:
    spec = {
        "termsOfUse": {"accepted": True},
        "district": "lakeside",
        "deliveryConfig": {"serviceURL": "https://focus.example/v1p1", "credentialsSecretRef": {"name": "focus"}},
        "store": store,
    }
    meta = {"name": name, "namespace": "rosters", "uid": f"{name}-uid", "generation": 1}
    return {"apiVersion": "rostersync.dev/v1alpha1", "kind": "FocusConnection", "metadata": meta, "spec": spec}


def plan(seen: View, uid: str = "run-uid") -> Object:
    meta = {"name": "r", "namespace": "rosters", "uid": uid, "creationTimestamp": "2026-11-24T02:00:00Z"}
    return plan_job({"metadata": meta, "spec": {}}, seen, OPTIONS, StartPlan(1), [], [])


def apply(seen: View) -> Object:
    meta = {"name": "r", "namespace": "rosters", "uid": "run-uid", "creationTimestamp": "2026-11-24T02:00:00Z"}
    return apply_job({"metadata": meta, "spec": {}}, seen, OPTIONS, StartApply("sha256:a", None, 1), 1)


def deliver(seen: View) -> Object:
    meta = {"name": "r", "namespace": "rosters", "uid": "run-uid", "creationTimestamp": "2026-11-24T02:00:00Z"}
    return deliver_job({"metadata": meta, "spec": {}}, seen, OPTIONS, StartDeliver(1))


def mounted(job: Object) -> set[str]:
    return {m["mountPath"] for m in job["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]}


def test_its_jobs_get_one_secret_each_and_no_claim() -> None:
    obj = connection()
    seen = view(obj)

    assert seen.known.problem is None
    reads, writes = mounted(plan(seen)), mounted(apply(seen))
    assert {SECRETS + "example-reader", SECRETS + "focus"} <= reads
    assert SECRETS + "example-writer" in writes
    assert not {SECRETS + "example-writer", STORE} & reads
    assert not {SECRETS + "example-reader", SECRETS + "focus", STORE} & writes
    settles = mounted(deliver(seen))
    assert SECRETS + "example-reader" in settles
    assert not {SECRETS + "example-writer", SECRETS + "focus", STORE} & settles
    tests, purges = check_job(obj, seen, OPTIONS, 1, "3/"), purge_job(None, seen, OPTIONS, [], ["old"], "end")
    assert {SECRETS + "example-reader", SECRETS + "focus"} <= mounted(tests)
    assert not {SECRETS + "example-writer", STORE} & mounted(tests)
    assert not {SECRETS + "example-reader", SECRETS + "example-writer", STORE} & mounted(purges)


def test_no_claim_is_made_for_it() -> None:
    assert [claim.field for claim in claims(view(connection()))] == ["spec.artifacts"]
    assert [claim.name for claim in claims(view(connection(store={})))] == [
        "rostersync-lakeside-store",
        "rostersync-springfield-artifacts",
    ]


def test_only_jobs_of_one_connection_take_turns_on_it() -> None:
    north, south, embedded = view(connection("north")), view(connection("south")), view(connection("old", {}))
    cache = Cache()
    job = plan(north)
    cache.put(JOBS, {**job, "metadata": {**job["metadata"], "uid": "1", "resourceVersion": "1"}})
    slots = Slots(cache, OPTIONS)

    assert turns.of_labels(labels(job)) == turns.label(north.turn)
    assert slots.refusal("rosters", north.turn, "other").text == (
        "Waiting for its turn: another Job works for this connection."
    )
    assert not slots.refusal("rosters", south.turn, "other")
    assert not slots.refusal("rosters", embedded.turn, "other"), "the embedded store of that district is another one"


def test_who_waits_for_its_turn_looks_again_when_a_job_of_its_connection_ends() -> None:
    shared = Shared(OPTIONS, None, Cache(), Queue(), None, Slots(Cache(), OPTIONS), None, listed=True)
    north, south = view(connection("north")), view(connection("south"))
    for seen in (north, south):
        key = (RUNS, "rosters", f"run-of-{seen.name}")
        shared.slots.waiting.add(key, "rosters", turns.label(seen.turn), for_store=True)

    shared.wake("rosters", turns.of_labels(labels(plan(north))))

    lane = shared.queue._waiting
    assert [lane.pop() for _ in range(len(lane))] == [(RUNS, "rosters", "run-of-north")]


def test_nothing_but_its_own_files_and_one_record_names_a_kind() -> None:
    """Besides the API's model, a docstring that says what is taken by default, and the copy of a state folder's store."""
    product = Path(__file__).parents[2] / "operator" / "rostersync"
    own = product / "stores" / "embedded"
    naming = {
        path.relative_to(product).as_posix()
        for path in product.rglob("*.py")
        if own not in path.parents and "embedded" in path.read_text().lower()
    }
    model = {"api/v1alpha1/storage.py", "api/v1alpha1/connection.py"}
    copy = {"local/copying.py", "local/commands/store.py"}
    assert naming == {*model, *copy, "stores/registry.py", "local/store.py"}


def test_a_district_that_is_called_like_a_connection_takes_no_turn_of_it() -> None:
    cache = Cache()
    job = plan(view(connection("lakeside")))
    cache.put(JOBS, {**job, "metadata": {**job["metadata"], "uid": "1", "resourceVersion": "1"}})

    assert not Slots(cache, OPTIONS).refusal("rosters", view(connection("old", {})).turn, "other")


@pytest.mark.parametrize("name", STORES)
def test_the_kind_is_the_one_that_the_spec_asks_for(name: str) -> None:
    asked = StoreSpec.model_validate(SPEC if name == "postgres" else {name: {}})
    assert kind_of(asked).name == name
    assert kind_of(StoreSpec()).name == "embedded"


def test_a_store_without_a_record_is_never_taken_for_another() -> None:
    model = FocusConnection.model_validate(connection())
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(STORES, "postgres")
        with pytest.raises(NotYetSupported, match=r"spec\.store\.postgres"):
            placement_of(model)
        assert claims(view(connection()))[0].field == "spec.artifacts", "nothing is made for it either"
