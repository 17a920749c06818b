"""Connections of a district agree about what its sources make together, or none of them is Ready."""

from typing import Any

import pytest

from rostersync.controller.cluster.cache import Cache
from rostersync.controller.connections.districts import differing
from rostersync.controller.connections.sources import of_other_sources
from rostersync.controller.view import view
from support.remembering import CONNECTIONS

DOMAINS = [{"entity": "Student", "attributes": ["email"]}]
OTHERS = [{"entity": "Student", "attributes": ["identifier"]}, *DOMAINS]
MASTERS = [{"entity": "Student", "attributes": ["email"], "source": "directory", "mode": "Master"}]
SPEC = {
    "termsOfUse": {"accepted": True},
    "deliveryConfig": {"serviceURL": "https://focus.example/oneroster", "credentialsSecretRef": {"name": "focus"}},
    "district": "springfield",
    "multipleDataSources": True,
    "compareByDomainsOfUniqueness": True,
    "domainsOfUniqueness": DOMAINS,
}


def connection(name: str, namespace: str = "rosters", **spec: Any) -> dict[str, Any]:
    meta = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{namespace}-{name}",
        "generation": 1,
        "resourceVersion": "1",
        "creationTimestamp": "2026-11-24T00:00:00Z",
    }
    return {"apiVersion": "rostersync.dev/v1alpha1", "kind": "FocusConnection", "metadata": meta, "spec": SPEC | spec}


ONE = connection("one", sourceID="one")
CASES = {  # another connection, and the fields that differ
    "the same": (connection("two"), ()),
    "other domains": (connection("two", domainsOfUniqueness=OTHERS), ("domainsOfUniqueness",)),
    "other Master Fields": (connection("two", masterFields=MASTERS), ("masterFields",)),
    "both": (
        connection("two", domainsOfUniqueness=OTHERS, masterFields=MASTERS),
        ("domainsOfUniqueness", "masterFields"),
    ),
    "suspended": (connection("two", masterFields=MASTERS, suspend=True), ("masterFields",)),
    "of another district": (connection("two", district="shelbyville", masterFields=MASTERS), ()),
    "in another namespace": (connection("two", "elsewhere", masterFields=MASTERS), ()),
    "of the same source": (connection("two", sourceID="one", masterFields=MASTERS), ()),
    "one that knows no other source": (connection("two", multipleDataSources=False, domainsOfUniqueness=OTHERS), ()),
    "one that is not valid": (connection("two", masterFields=MASTERS, entities=["Nothing"]), ()),
}


@pytest.mark.parametrize(("other", "fields"), CASES.values(), ids=CASES)
def test_connections_of_a_district_differ(other: dict[str, Any], fields: tuple[str, ...]) -> None:
    store = Cache()
    for obj in (ONE, other):
        store.put(CONNECTIONS, obj)
    for one, beside in ((ONE, other), (other, ONE)):
        found = differing(view(one), [view(o) for o in of_other_sources(store, one)])
        if not fields:
            assert found is None
            continue
        assert found is not None
        assert found[0] == "DistrictSettingsDiffer"
        assert found[1].startswith(" and ".join(f"spec.{f}" for f in fields) + " differ")
        assert f"FocusConnection {beside['metadata']['name']}," in found[1]


def test_one_whose_source_is_taken_stops_no_other() -> None:
    store, two = Cache(), connection("two", sourceID="two")
    stray = connection("z-later", sourceID="one", masterFields=MASTERS)
    for obj in (ONE, two, stray):
        store.put(CONNECTIONS, obj)
    assert of_other_sources(store, two) == [ONE]
    assert differing(view(two), [view(o) for o in of_other_sources(store, two)]) is None
