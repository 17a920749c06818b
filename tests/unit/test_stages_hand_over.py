"""Stages hand over by tables and frozen results: nothing of what they share can be written to."""

import ast
import dataclasses
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from rostersync.fate import DUPLICATES, HELD_BACK, Fate
from rostersync.sync import pipeline
from rostersync.sync.link.stage import link
from rostersync.sync.match import match
from rostersync.sync.require import require
from rostersync.sync.shape import shape
from rostersync.sync.staged import lay_out_staged
from rostersync.tables.context import Context
from rostersync.tables.counts import count
from rostersync.tables.sql import first_fate
from support.days import Roster, district

PACKAGE = Path(pipeline.__file__).parents[1]
STAGES = (lay_out_staged, shape, require, match, link, count)
UNCHANGING = (bool, int, str, frozenset, tuple, Mapping)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_a_stage_returns_a_frozen_result(stage: typing.Any) -> None:
    result = typing.get_type_hints(stage)["return"]
    if typing.get_origin(result) is Mapping:
        result = typing.get_args(result)[1]
    assert dataclasses.is_dataclass(result)
    assert result.__dataclass_params__.frozen  # type: ignore[attr-defined]
    for name, kind in typing.get_type_hints(result).items():
        held = typing.get_origin(kind) or kind
        assert dataclasses.is_dataclass(held) or issubclass(held, UNCHANGING), name


def writable(value: object, name: str) -> Iterator[str]:
    """Where something that is handed over could be written to."""
    if dataclasses.is_dataclass(value):
        if not value.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            yield name
        for field in dataclasses.fields(value):
            yield from writable(getattr(value, field.name), f"{name}.{field.name}")
    elif isinstance(value, Mapping):
        if not isinstance(value, MappingProxyType):
            yield name
        for key, inner in value.items():
            yield from writable(inner, f"{name}[{key!r}]")
    elif isinstance(value, tuple | frozenset):
        for inner in value:
            yield from writable(inner, f"{name}[…]")
    elif isinstance(value, list | set):
        yield name


def test_what_is_handed_over_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, list[str]] = {}

    def looked_at(stage: typing.Any) -> typing.Any:
        def run(context: Context, *args: typing.Any, **named: typing.Any) -> typing.Any:
            result = stage(context, *args, **named)
            name = stage.__name__
            seen[name] = [*writable(context, "context"), *writable(result, name)]
            return result

        return run

    for stage in STAGES:
        monkeypatch.setattr(pipeline, stage.__name__, looked_at(stage))
    Roster(tmp_path).plan(district())
    assert seen == {stage.__name__: [] for stage in STAGES}


def test_no_stage_goes_around_that() -> None:
    files = [p for part in ("sync", "hold", "reading", "tables") for p in (PACKAGE / part).rglob("*.py")]
    assert len(files) > 30
    around = [
        f"{path.name}:{node.lineno}"
        for path in files
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"__setattr__", "__dict__"}
    ]
    assert around == []


def test_the_first_fate_in_precedence_stands() -> None:
    """Whatever the order in which a stage names its conditions."""
    backwards = {fate: fate.name for fate in reversed(Fate)}
    cases = first_fate(backwards)
    places = [cases.index(f"WHEN {fate.name} THEN '{fate}'") for fate in Fate]
    assert places == sorted(places)
    assert first_fate({Fate.DUPLICATE: "d"}, "f") == "CASE WHEN f IS NOT NULL THEN f WHEN d THEN 'Duplicate' END"


def test_what_is_held_back_neither_deletes_nor_counts_as_accepted() -> None:
    out_of_scope = {Fate.NOT_TAKEN, Fate.REMOVED, Fate.SCHOOL_UNMAPPED, Fate.FILTERED_OUT}
    assert set(Fate) - set(HELD_BACK) - out_of_scope == {Fate.KEPT, Fate.GONE}
    assert set(DUPLICATES) <= set(HELD_BACK)
