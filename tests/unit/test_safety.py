"""What makes a connection less safe than the one that the store remembers."""

import json
from typing import Any

import pytest

from rostersync.api.v1alpha1.focusconnection import FocusConnectionSpec
from rostersync.hold.safety import loosened, previous_connection, safety
from rostersync.stores.port import SourceMemory
from rostersync.stores.source_state import memory_as_text, memory_from_text
from support.days import spec


def of(**fields: Any) -> dict[str, Any]:
    """The safety of a connection, as it comes back from the store."""
    remembered: dict[str, Any] = json.loads(json.dumps(safety(FocusConnectionSpec.model_validate(spec(**fields)))))
    return remembered


def rules(*given: dict[str, Any]) -> dict[str, Any]:
    return of(syncHoldThreshold={"rules": list(given)})


def deletes(**rule: Any) -> dict[str, Any]:
    return {"entity": "Student", "change": "Delete", **rule}


SFTP = {"host": "upload.example.org", "secretRef": {"name": "s"}, "hostKey": "ssh-ed25519 AAAA"}


def delivery(name: str = "passport", **sftp: Any) -> dict[str, Any]:
    return {"name": name, "oneRosterCSV": {"mode": "Bulk"}, "sftp": {**SFTP, "path": f"/{name}", **sftp}}


@pytest.mark.parametrize(
    ("before", "after", "looser"),
    [
        (of(), of(), False),
        (of(), of(confirmDeletes={"records": 24}), True),
        (of(), of(confirmDeletes={"records": 26}), False),
        (of(confirmDeletes={"records": 0}), of(), False),
        ({k: v for k, v in of().items() if k != "confirmDeletes"}, of(confirmDeletes={"records": 0}), False),
        (of(), rules(deletes(percent=5, window="24h")), False),
        (of(), rules(deletes(percent=5, window="2d")), False),
        (of(), rules(deletes(percent=5, window="23h")), True),
        (of(), rules(deletes(percent=5)), True),
        (rules(deletes(count=5, window="7d")), rules(deletes(count=5, window="24h")), True),
        ({**of(), "limits": [limit[:6] for limit in of()["limits"]]}, of(), False),
        (of(), rules(deletes(percent=11)), True),
        (of(), rules(deletes(percent=10, minPopulation=21)), True),
        (of(), rules(deletes(percent=10, minPopulation=0, window="24h")), False),
        (of(), rules(deletes(count=1_000_000)), False),
        (rules(deletes(percent=5)), of(), True),
        (rules(deletes(percent=5)), rules(deletes(percent=5)), False),
        (rules(deletes(percent=5)), rules(deletes(percent=6)), True),
        (rules(deletes(percent=5)), rules(deletes(percent=4)), False),
        (rules(deletes(percent=5, count=9)), rules(deletes(percent=5)), True),
        (rules(deletes(percent=5, count=9)), rules(deletes(percent=5, count=10)), True),
        (rules(deletes(percent=5, count=9)), rules(deletes(percent=5, count=8)), False),
        (rules(deletes(percent=5, count=9)), rules(deletes(percent=5), deletes(count=9)), False),
        (rules(deletes(count=9)), rules(deletes(count=9, perSchool=True)), True),
        (rules(deletes(percent=5)), rules({"entity": "*", "change": "Delete", "percent": 5, "window": "24h"}), False),
        (rules({"entity": "*", "change": "Delete", "percent": 5}), rules(deletes(percent=5)), True),
        (rules(deletes(percent=5, minPopulation=20)), rules(deletes(percent=5, minPopulation=30)), True),
        (of(), rules({"entity": "*", "change": "Any", "percent": 10, "window": "24h"}), False),
        (of(), rules({"entity": "*", "change": "Any", "percent": 11}), True),
        (of(previewDataUpload=True), of(), True),
        (of(), of(history={"records": {"maxAge": "399d"}}), True),
        (of(), of(history={"records": {"maxAge": "401d"}}), False),
        (of(), of(history={"runs": {"successful": 13}}), True),
        (of(), of(history={"runs": {"failed": 13}}), True),
        (of(), of(history={"runs": {"successful": 15, "failed": 15}}), False),
        ({k: v for k, v in of().items() if k != "history"}, of(history={"records": {"maxAge": "1d"}}), False),
        (of(), of(previewDataUpload=True), False),
        (of(approval={"requireDistinctApprover": True}), of(), True),
        (of(approval={"holdFirstImport": True}), of(), True),
        (of(), of(approval={"holdOnConfigChange": False}), True),
        (of(approval={"holdOnConfigChange": False}), of(), False),
        (of(), of(deliveries=[delivery()]), True),
        (of(deliveries=[delivery()]), of(), False),
        (of(deliveries=[delivery()]), of(deliveries=[delivery()]), False),
        (of(deliveries=[delivery()]), of(deliveries=[delivery(host="elsewhere.example.org")]), True),
        (of(deliveries=[delivery()]), of(deliveries=[delivery(), delivery("more")]), True),
    ],
)
def test_a_raised_or_dropped_limit_a_switch_off_or_another_destination_is_looser(
    before: dict[str, Any], after: dict[str, Any], looser: bool
) -> None:
    assert loosened(before, after) is looser


def test_a_store_that_remembers_nothing_has_nothing_to_loosen() -> None:
    assert not loosened({}, of(deliveries=[delivery()]))


def made_by(name: str = "north", uid: str | None = None, kind: str = "FocusConnection") -> SourceMemory:
    """The memory of a plan of a connection, as it comes back from the store."""
    made = SourceMemory(connection_kind=kind if name else "", connection_name=name, connection_uid=uid)
    return memory_from_text(memory_as_text(made))


@pytest.mark.parametrize(
    ("last", "now", "previous"),
    [
        (None, made_by(uid="a"), ""),
        (made_by(uid="a"), made_by(uid="a"), ""),
        (made_by(uid="a"), made_by(uid="b"), "north"),
        (made_by(uid="a"), made_by("carls-own", uid="b"), "north"),
        (made_by(uid="a"), made_by("carls-own", uid="a"), "north"),
        (made_by(uid="a"), made_by(uid="a", kind="OtherConnection"), "north"),
        (made_by(uid="a", kind="OtherConnection"), made_by(uid="b"), "otherconnection/north"),
        (made_by(), made_by(), ""),
        (made_by(), made_by("carls-own"), "north"),
        (made_by(), made_by(uid="b"), ""),
        (made_by(uid="a"), made_by(), ""),
        (made_by(uid="a"), made_by("carls-own"), "north"),
        (made_by("", uid="a"), made_by("carls-own", uid="b"), "source"),
        (made_by("", uid="a"), made_by(uid="a"), ""),
        (made_by(""), made_by("carls-own", uid="b"), ""),
    ],
    ids=[
        "first import",
        "the same",
        "made anew",
        "another",
        "another name alone",
        "another kind",
        "after another kind",
        "without a cluster",
        "another without a cluster",
        "a cluster after none",
        "none after a cluster",
        "another after a cluster",
        "another, the name not remembered",
        "the same, the name not remembered",
        "nothing remembered",
    ],
)
def test_the_connection_of_the_last_plan_where_it_is_another(
    last: SourceMemory | None, now: SourceMemory, previous: str
) -> None:
    assert previous_connection(last, now, "source") == previous
