"""Connections of every kind, as kubectl roster finds them: kinds that the caller may not list, or that are not installed, are left out."""

from typing import Any

import pytest

from rostersync.api import kinds
from rostersync.api.kinds import Ref
from rostersync.errors import Permanent
from rostersync.plugin import lookup

KINDS = [kind.name for kind in kinds.connections()]
FIRST, *OTHERS = KINDS


class Cluster:
    """One connection of each kind. `refuses`: the reason why a kind is not listed."""

    namespace, default = "rosters", "rosters"

    def __init__(self, **refuses: str) -> None:
        self.refuses, self.asked = refuses, list[tuple[str, bool]]()

    def list(self, kind: str, everywhere: bool = False, fields: str = "") -> list[dict[str, Any]]:
        self.asked.append((kind, everywhere))
        if kind in self.refuses:
            raise Permanent(f"No {kind} for you.", reason=self.refuses[kind])
        return [{"kind": kind, "metadata": {"name": "springfield", "namespace": "rosters"}}]

    def get(self, kind: str, name: str) -> dict[str, Any]:
        raise Permanent(f"There is no {kind} {name}.", reason="NotFound")

    def has_namespace(self) -> bool:
        return True


def found(cluster: Any) -> list[str]:
    return [c["kind"] for c in lookup.connections(cluster)]


def test_all_kinds_are_listed_where_the_caller_means_it() -> None:
    cluster: Any = Cluster()

    assert [c["kind"] for c in lookup.connections(cluster, everywhere=True)] == KINDS
    assert cluster.asked == [(kind, True) for kind in KINDS]


@pytest.mark.parametrize("reason", ["Forbidden", "NotInstalled"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_the_caller_may_not_list_is_left_out(kind: str, reason: str) -> None:
    assert found(Cluster(**{kind: reason})) == [k for k in KINDS if k != kind]


def test_one_kind_that_may_be_listed_is_enough() -> None:
    assert found(Cluster(**dict.fromkeys(OTHERS, "Forbidden"))) == [FIRST]
    assert found(Cluster(**{FIRST: "Forbidden"} | dict.fromkeys(OTHERS[1:], "NotInstalled"))) == OTHERS[:1]


def test_a_caller_who_may_list_none_is_told_of_the_first() -> None:
    with pytest.raises(Permanent, match=f"No {FIRST} for you") as refused:
        found(Cluster(**{FIRST: "Forbidden"} | dict.fromkeys(OTHERS, "NotInstalled")))

    assert refused.value.reason == "Forbidden"


@pytest.mark.parametrize("kind", KINDS)
def test_any_other_error_is_told(kind: str) -> None:
    with pytest.raises(Permanent) as refused:
        found(Cluster(**{kind: "Unauthorized"}))

    assert refused.value.reason == "Unauthorized"


def test_a_connection_that_is_not_there_is_answered_with_those_that_may_be_listed() -> None:
    cluster: Any = Cluster(**{OTHERS[0]: "Forbidden"})

    with pytest.raises(Permanent) as refused:
        lookup.connection(cluster, Ref(FIRST, "shelbyville"))

    assert refused.value.reason == "NotFound"
    there = sorted(Ref(kind, "springfield").key for kind in KINDS if kind != OTHERS[0])
    assert f"There are: {', '.join(there)}." in str(refused.value)
