"""The digest of a plan depends on the data, and on nothing of how it came or was computed."""

import json
import os
import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from support.districts import Staged, blank
from support.side_by_side import Engine
from support.staging import stage

NOW = datetime(2026, 1, 11, 3, tzinfo=UTC)
STUDENTS, CLASSES = 1500, 120
SPEC: dict[str, Any] = {
    "termsOfUse": {"accepted": True},
    "deliveryConfig": {
        "serviceURL": "https://focus.example/ims/oneroster/v1p1",
        "credentialsSecretRef": {"name": "focus"},
    },
    "sisIDPrefix": "FOC-",
    "bulkUploadMode": True,
    "schoolsMapping": {"schools": [{"sourcedId": s, "target": {"id": "ONE"}} for s in ("school-0", "school-1")]},
    "attributesMapping": [
        {"entity": "Student", "attribute": "metadata.team", "from": "metadata.team", "default": "none"},
        {"entity": "Student", "attribute": "metadata.homeroom", "from": "metadata.homeroom"},
    ],
    "filterRules": [
        {
            "entity": "Student",
            "conditions": [{"attribute": "grades", "condition": "In", "values": ["09", "10"]}],
            "includeLinked": ["Class", "Contact"],
        }
    ],
    "compareByDomainsOfUniqueness": True,
    "domainsOfUniqueness": [{"entity": "Student", "attributes": ["email"]}],
}


def made(day: int) -> Staged:
    """A district big enough for several threads to share; on day 1 a part of it has changed, gone, or come."""
    rng = random.Random(0)
    schools = [f"school-{i}" for i in range(4)]
    users, enrollments = [], []
    for i in range(STUDENTS):
        number = i + 40 * day
        rng.seed(number)
        grades = ["11"] if number % 97 == 5 + day else ["09", "10"][:: rng.choice([1, -1])]
        metadata = {"team": rng.choice("ab"), "homeroom": "x"} if number % 3 else None
        parents = sorted({f"parent-{(number + 60 * day) % 500}", f"parent-{number % 499}"}, reverse=bool(number % 2))
        users.append(
            {
                **blank("users", f"student-{number}"),
                "role": "student",
                "grades": grades,
                "orgSourcedIds": rng.sample(schools, 2),
                "givenName": rng.choice(["Ana", "Zoë", "李"]),
                "email": f"{number % 1480}@x.example",
                "agentSourcedIds": parents,
                "metadata": metadata,
                "userIds": [{"type": "b", "identifier": "1"}, {"type": "a", "identifier": "2"}],
            }
        )
        enrollments += [
            {
                **blank("enrollments", f"e-{number}-{c}"),
                "userSourcedId": f"student-{number}",
                "role": "student",
                "classSourcedId": f"class-{c}",
                "schoolSourcedId": schools[c % 4],
            }
            for c in rng.sample(range(CLASSES), 4)
        ]
    users += [
        {
            **blank("users", f"parent-{i}"),
            "role": "parent",
            "orgSourcedIds": [schools[i % 4]],
            "phone": str(i + day % 2),
        }
        for i in range(500)
    ]
    classes = [
        {
            **blank("classes", f"class-{c}"),
            "courseSourcedId": "course",
            "schoolSourcedId": schools[c % 4],
            "termSourcedIds": ["t-2", "t-1"],
            "subjects": ["b", "a"],
            "title": f"Class {c} {day * (c % 2)}",
        }
        for c in range(CLASSES)
    ]
    return {
        "orgs": [{**blank("orgs", s), "type": "school", "name": s} for s in schools],
        "academicSessions": [{**blank("academicSessions", f"t-{i}"), "type": "term"} for i in range(3)],
        "courses": [{**blank("courses", "course"), "orgSourcedId": schools[0]}],
        "classes": classes,
        "users": users,
        "enrollments": enrollments,
        "demographics": [],
    }


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """An engine whose store holds the first day."""
    folder = tmp_path_factory.mktemp("digest")
    engine = Engine(folder)
    engine.apply(engine.plan(SPEC, stage(folder / "first", made(0)), "first", NOW))
    return engine


@pytest.fixture(scope="module")
def digest(engine: Engine) -> str:
    """The digest of the second day, planned in the plainest way."""
    planned = engine.plan(SPEC, stage(engine.folder / "plain", made(1)), "plain", NOW)
    kinds = {(change, cause) for _, change, cause, _ in planned.changes.values()}
    assert {
        ("Create", "SourceCreated"),
        ("Update", "SourceChanged"),
        ("Delete", "SourceMissing"),
        ("Delete", "FilteredOut"),
        ("Delete", "Cascade"),
    } <= kinds
    return str(planned.manifest.digest)


def shuffled(staged: Staged, number: int) -> Staged:
    """The same rows in another order."""
    rng = random.Random(number)
    return {t: rng.sample(rows, len(rows)) for t, rows in staged.items()}


@pytest.mark.parametrize(
    ("order", "parts", "threads", "memory"),
    [(1, 1, 1, None), (0, 5, 1, None), (0, 5, 4, None), (2, 3, 4, None), (3, 8, 2, 128 << 20), (4, 1, 4, 192 << 20)],
)
def test_digest_is_equal_however_it_is_computed(
    engine: Engine, digest: str, order: int, parts: int, threads: int, memory: int | None
) -> None:
    name = f"{order}-{parts}-{threads}-{memory}"
    staged = shuffled(made(1), order) if order else made(1)
    extract = stage(engine.folder / f"extract-{name}", staged, parts=parts)
    planned = engine.plan(SPEC, extract, f"run-{name}", NOW, threads=threads, memory_limit=memory)
    assert planned.manifest.digest == digest


@pytest.mark.parametrize("hash_seed", ["1", "4711"])
def test_digest_is_equal_in_another_process(engine: Engine, digest: str, hash_seed: str) -> None:
    extract = stage(engine.folder / f"process-{hash_seed}", made(1))
    code = (
        "import sys; from datetime import datetime; from pathlib import Path; import json;"
        "from support.side_by_side import Engine;"
        "folder, extract, run, now, spec = sys.argv[1:];"
        "planned = Engine(Path(folder)).plan(json.loads(spec), Path(extract), run, datetime.fromisoformat(now));"
        "print(planned.manifest.digest)"
    )
    arguments = [str(engine.folder), str(extract), f"process-{hash_seed}", NOW.isoformat(), json.dumps(SPEC)]
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{tests}:{tests.parent / 'operator'}"}
    done = subprocess.run([sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == (digest, 0), done.stderr


def test_digest_is_equal_after_reconfiguring_what_shapes_no_data(engine: Engine, digest: str) -> None:
    spec = {
        **SPEC,
        "schedule": {"cron": "0 1 * * *"},
        "history": {"runs": {"successful": 2}},
        "previewDataUpload": True,
    }
    spec["schoolsMapping"] = {"schools": SPEC["schoolsMapping"]["schools"][::-1]}
    extract = stage(engine.folder / "reconfigured", made(1))
    assert engine.plan(spec, extract, "reconfigured", NOW).manifest.digest == digest


def one_value(staged: Staged) -> None:
    row = next(u for u in staged["users"] if u["sourcedId"] == "student-700")
    row["givenName"] = "Bo"


def one_key(staged: Staged) -> None:
    row = next(u for u in staged["users"] if u["sourcedId"] == "student-700")
    row["metadata"] = {"team": "c", "homeroom": "x"}


def one_reference(staged: Staged) -> None:
    row = next(u for u in staged["users"] if u["sourcedId"] == "student-700")
    row["agentSourcedIds"] = ["parent-1"]


def one_row_less(staged: Staged) -> None:
    staged["enrollments"].remove(next(e for e in staged["enrollments"] if e["userSourcedId"] == "student-700"))


def one_order_of_a_list(staged: Staged) -> None:
    staged["classes"][0]["subjects"] = ["a", "b"]


@pytest.mark.parametrize("change", [one_value, one_key, one_reference, one_row_less, one_order_of_a_list])
def test_digest_differs_when_anything_does(engine: Engine, digest: str, change: Any) -> None:
    staged = made(1)
    change(staged)
    extract = stage(engine.folder / f"changed-{change.__name__}", staged)
    assert engine.plan(SPEC, extract, f"changed-{change.__name__}", NOW).manifest.digest != digest


def test_digest_differs_when_the_configuration_or_the_before_image_does(engine: Engine, digest: str) -> None:
    extract = stage(engine.folder / "configured", made(1))
    domains = [{"entity": "Student", "attributes": ["email", "givenName", "sms"]}]
    spec = {**SPEC, "domainsOfUniqueness": domains}
    assert engine.plan(spec, extract, "configured", NOW).manifest.digest != digest
    other = Engine(engine.folder / "other")
    first = made(0)
    next(u for u in first["users"] if u["sourcedId"] == "parent-499")["phone"] = "another"
    other.apply(other.plan(SPEC, stage(engine.folder / "other-first", first), "first", NOW))
    assert other.plan(SPEC, extract, "second", NOW).manifest.digest != digest
