"""manifest.json: one codec, the bytes of yesterday, and a sentence for whatever is no manifest."""

import ast
import json
from datetime import UTC, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostersync.errors import Permanent
from rostersync.model import (
    Cause,
    Change,
    Entity,
    EntityCounts,
    Hold,
    HoldReason,
    IssueCount,
    JudgedCounts,
    NotOffered,
    Schools,
)
from rostersync.plan import codec, folder
from rostersync.plan.manifest import Manifest, Usual, report_of
from rostersync.stores.port import SourceMemory

ROOT = Path(__file__).parents[2]
PLANS = sorted((ROOT / "tests/data/plans").glob("*.json"))

TEXT = st.text(max_size=12)
NAME = st.text(min_size=1, max_size=12)
COUNT = st.integers(0, 10**9)
COUNTS = st.dictionaries(NAME, COUNT, max_size=3)
ENTITY = st.sampled_from(Entity)
INSTANT = st.datetimes(
    timezones=st.just(UTC)
    | st.timedeltas().filter(lambda d: abs(d.days) < 1 and not d.microseconds and not d.seconds % 60).map(timezone)
)
OBJECT = st.dictionaries(
    NAME, st.recursive(st.none() | st.booleans() | COUNT | TEXT, st.lists, max_leaves=4), max_size=3
)


def some(strategy: "st.SearchStrategy[object]") -> "st.SearchStrategy[tuple[object, ...]]":
    """Up to three of them."""
    return st.lists(strategy, max_size=3).map(tuple)


OPTIONAL = st.none() | COUNT
HOLDS = st.builds(
    Hold,
    st.sampled_from(HoldReason),
    st.none() | ENTITY,
    st.none() | st.sampled_from([*Change, "Any"]).map(str),
    st.none() | NAME,
    OPTIONAL,
    OPTIONAL,
    OPTIONAL,
    st.sampled_from([None, "Percent", "Count"]),
    OPTIONAL,
    st.none() | st.just("24h"),
)
MEMORIES = st.builds(
    SourceMemory,
    TEXT,
    TEXT,
    TEXT,
    TEXT,
    TEXT,
    st.none() | NAME,
    TEXT,
    TEXT,
    OBJECT,
    some(NAME),
    COUNT,
    st.none() | INSTANT,
)
MANIFESTS = st.builds(
    Manifest,
    run=NAME,
    district=NAME,
    source=NAME,
    digest=NAME,
    base_revision=COUNT,
    config_hash=NAME,
    memory=MEMORIES,
    entities=some(st.builds(EntityCounts, st.none() | ENTITY, *[COUNT] * 9)),
    holds=some(HOLDS),
    holds_total=COUNT,
    schools_imported=some(st.tuples(NAME, NAME)),
    no_changes=st.booleans(),
    files=st.dictionaries(NAME, NAME, max_size=3),
    connection_name=st.none() | NAME,
    connection_namespace=st.none() | NAME,
    connection_uid=st.none() | NAME,
    as_of=st.none() | INSTANT,
    restores=TEXT,
    only_schools=some(NAME),
    effective_config=OBJECT,
    judged=some(st.builds(JudgedCounts, ENTITY, st.none() | NAME, COUNT, COUNT, COUNT, COUNT, st.none() | COUNT)),
    schools=st.builds(Schools, COUNT, COUNT, COUNT, COUNT, some(NAME), some(NAME)),
    incomplete=some(NAME),
    not_offered=some(st.builds(NotOffered, NAME, st.none() | st.integers(400, 599), TEXT, COUNTS)),
    causes=st.dictionaries(st.sampled_from([c.value for c in Cause]), COUNT, max_size=3),
    blast_radius=COUNTS,
    usual=st.just(Usual()) | st.builds(Usual, st.integers(1, 10), st.dictionaries(NAME, COUNTS, max_size=2)),
    proof=st.dictionaries(NAME, OBJECT, max_size=2),
    issues=some(st.builds(IssueCount, NAME, COUNT, st.none() | NAME, st.none() | NAME, st.none() | NAME)),
    previous_connection=TEXT,
    four_eyes=st.booleans(),
)


@settings(max_examples=100, deadline=None)
@given(MANIFESTS)
def test_what_is_written_is_what_is_read(manifest: Manifest) -> None:
    text = codec.encode(manifest)

    assert codec.decode(text) == manifest
    assert codec.encode(codec.decode(text)) == text


@pytest.mark.parametrize("path", PLANS, ids=lambda p: p.stem)
def test_a_manifest_of_an_earlier_version_keeps_its_bytes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert codec.encode(codec.decode(text)) == text


def test_a_plan_of_a_whole_district_says_nothing_of_origin_and_scope() -> None:
    held = codec.decode(PLANS[0].read_text(encoding="utf-8"))

    assert (held.restores, held.only_schools) == ("", ())
    assert not {"restores", "onlySchools"} & json.loads(codec.encode(held)).keys()


def test_keys_that_came_later_may_be_missing() -> None:
    data = json.loads(PLANS[0].read_text(encoding="utf-8"))
    later = ("judged", "usual", "previousConnection", "fourEyes", "notOffered", "causes", "blastRadius")
    read = codec.decode(json.dumps({k: v for k, v in data.items() if k not in later}))

    assert (read.judged, read.usual, read.previous_connection, read.four_eyes) == ((), Usual(), "", False)
    assert (read.not_offered, read.causes, read.blast_radius) == ((), {}, {})
    assert (read.digest, read.held) == (data["digest"], len(data["holds"]))


def edited(**fields: object) -> str:
    """The manifest of a held plan with other values."""
    return json.dumps(json.loads(PLANS[0].read_text(encoding="utf-8")) | fields)


def without(key: str) -> str:
    """The manifest of a held plan without a key."""
    return json.dumps({k: v for k, v in json.loads(edited()).items() if k != key})


@pytest.mark.parametrize("fields", [{"holds": []}, {"holdsTotal": 0}], ids=str)
def test_a_plan_is_held_as_long_as_one_of_both_says_so(fields: dict[str, object]) -> None:
    holds = json.loads(edited())["holdsTotal"]
    assert holds > 0
    assert codec.decode(edited(**fields)).held == holds


@pytest.mark.parametrize(
    ("text", "reason", "words"),
    [
        ("", "PlanCorrupt", "has no readable manifest.json; nothing was applied. Plan again."),
        (edited()[:2000], "PlanCorrupt", "has no readable manifest.json; nothing was applied. Plan again."),
        ("[]", "PlanCorrupt", "has no readable manifest.json; nothing was applied. Plan again."),
        ("[" * 200_000, "PlanCorrupt", "has no readable manifest.json; nothing was applied. Plan again."),
        (edited(format="1"), "PlanCorrupt", "has no readable manifest.json; nothing was applied. Plan again."),
        (
            edited(format=2),
            "PlanFormat",
            "manifest.json has format 2 and this version of rostersync reads format 1: the plan was made by another "
            "version of rostersync; plan again.",
        ),
        (without("files"), "PlanCorrupt", "has a manifest.json without files; nothing was applied. Plan again."),
        (edited(holdsTotal="0"), "PlanCorrupt", "has a manifest.json with a wrong holdsTotal; nothing was applied."),
        (edited(holds=None), "PlanCorrupt", "has a manifest.json with a wrong holds; nothing was applied."),
        (edited(holds=[{"reason": "Jane Doe"}]), "PlanCorrupt", "has a manifest.json with a wrong holds;"),
        (edited(noChanges="false"), "PlanCorrupt", "has a manifest.json with a wrong noChanges;"),
        (edited(memory="Jane Doe"), "PlanCorrupt", "has a manifest.json with a wrong memory;"),
        (edited(memory={"host": 7}), "PlanCorrupt", "has a manifest.json with a wrong memory;"),
        (edited(issues=["Jane Doe"]), "PlanCorrupt", "has a manifest.json with a wrong issues;"),
        (edited(connection={"uid": 7}), "PlanCorrupt", "has a manifest.json with a wrong connection;"),
        (edited(connection="Jane Doe"), "PlanCorrupt", "has a manifest.json with a wrong connection;"),
        (edited(asOf="Jane Doe"), "PlanCorrupt", "has a manifest.json with a wrong asOf;"),
        (edited(entities=[{"entity": "Jane Doe"}]), "PlanCorrupt", "has a manifest.json with a wrong entities;"),
        (edited(schoolsImported=[["1"]]), "PlanCorrupt", "has a manifest.json with a wrong schoolsImported;"),
    ],
)
def test_what_is_no_manifest_is_refused_and_not_repeated(text: str, reason: str, words: str) -> None:
    with pytest.raises(Permanent) as refused:
        codec.decode(text)

    assert refused.value.reason == reason
    assert words in str(refused.value)
    assert "Jane" not in str(refused.value)


def test_a_folder_without_a_manifest_is_no_plan(tmp_path: Path) -> None:
    with pytest.raises(Permanent) as refused:
        codec.read(tmp_path)

    assert str(refused.value).startswith("The plan's folder has no readable manifest.json;")


@pytest.mark.parametrize("path", PLANS, ids=lambda p: p.stem)
def test_a_report_says_what_the_manifest_says(path: Path) -> None:
    manifest = codec.decode(path.read_text(encoding="utf-8"))
    report = report_of(manifest, outbox_pending=True)

    assert report.outbox_pending
    for name in vars(report).keys() & vars(manifest).keys():
        assert (
            list(getattr(report, name)) == list(getattr(manifest, name))
            if isinstance(getattr(manifest, name), tuple)
            else getattr(report, name) == getattr(manifest, name)
        ), name


# -- nobody else knows the keys ---------------------------------------------------------------------------------------

# Tests that write manifests which are none.
FORGERS = {"tests/contract/test_bad_input.py", "tests/unit/test_plan_manifest.py"}


KEYS = frozenset(codec.KEYS.values())


def by_key(text: str) -> list[str]:
    """Where a file takes something out of a `manifest` by a key of the JSON."""
    found = []
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Subscript(value=of, slice=ast.Constant(value=key)) if _is_manifest(of) and key in KEYS:
                found.append(f"line {node.lineno}: [{key!r}]")
            case ast.Call(func=ast.Attribute(value=of, attr="get"), args=[ast.Constant(value=key), *_]) if (
                _is_manifest(of) and key in KEYS
            ):
                found.append(f"line {node.lineno}: .get({key!r})")
    return found


def _is_manifest(node: ast.expr) -> bool:
    """Something called `manifest`, or a plan's manifest.json that is read right there."""
    if isinstance(node, ast.Call):
        return any(isinstance(n, ast.Constant) and n.value == folder.MANIFEST for n in ast.walk(node))
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name == "manifest"


def test_nobody_but_the_codec_reads_a_manifest_by_key() -> None:
    files = [p for part in ("operator", "bench", "tests") for p in (ROOT / part).rglob("*.py")]
    others = {p.relative_to(ROOT).as_posix(): p.read_text() for p in files if "rostersync/plan/" not in p.as_posix()}
    assert len(others) > 100
    assert {name: found for name, text in others.items() if name not in FORGERS and (found := by_key(text))} == {}


@pytest.mark.parametrize(
    "text",
    [
        'manifest["digest"]',
        'planned.manifest["digest"]',
        'manifest.get("usual")',
        'json.loads((plan / "manifest.json").read_text())["digest"]',
    ],
)
def test_each_way_to_read_by_key_is_seen(text: str) -> None:
    assert by_key(text)
    assert not by_key(text.replace("manifest", "other"))


def test_the_names_of_a_plans_files_stand_in_one_place() -> None:
    names = {folder.MANIFEST, folder.ISSUES, folder.NOTES, folder.ORGS, folder.REKEYED}
    texts = {
        p.relative_to(ROOT / "operator/rostersync").as_posix(): p.read_text() for p in (ROOT / "operator").rglob("*.py")
    }
    naming = {
        name
        for name, text in texts.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and node.value in names
    }
    assert naming == {"plan/folder.py"}
