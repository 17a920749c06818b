"""Health and actions in Argo CD: its own tests, in its own layout, run by a Lua of its version."""

from datetime import datetime
from pathlib import Path
from typing import Any

import lupa.lua51
import pytest
import yaml

from rostersync.api.kinds import KINDS
from support.gitops_states import FOLDER, argo_tests

SETTINGS = FOLDER.parents[1] / "argocd-cm.yaml"
HEALTH = {
    f"{p.parent.name}/{test['inputPath']}": (p.parent, test)
    for p in sorted(FOLDER.glob("*/health_test.yaml"))
    for test in yaml.safe_load(p.read_text())["tests"]
}
ACTIONS = {
    p.parent.parent.name: (p.parent, yaml.safe_load(p.read_text())) for p in FOLDER.glob("*/actions/action_test.yaml")
}
STAMPS = {"run": "rostersync.dev/requestedAt", "check": "rostersync.dev/checkRequestedAt"}


def evaluated(script: str, obj: dict[str, Any]) -> dict[str, Any]:
    """What a script returns about an object."""
    lua = lupa.lua51.LuaRuntime(unpack_returned_tuples=True)
    lua.globals()["obj"] = lua.table_from(obj, recursive=True)
    return plain(lua.execute(script))


def plain(value: Any) -> Any:
    if lupa.lua51.lua_type(value) != "table":
        return value
    if 1 in value:
        return [plain(each) for each in value.values()]
    return {key: plain(each) for key, each in value.items()}


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize(("folder", "test"), HEALTH.values(), ids=HEALTH)
def test_health(folder, test):
    assert evaluated((folder / "health.lua").read_text(), read(folder / test["inputPath"])) == test["healthStatus"]


@pytest.mark.parametrize("kind", ACTIONS)
def test_actions_that_are_offered(kind):
    folder, tests = ACTIONS[kind]
    for test in tests["discoveryTests"]:
        offered = evaluated((folder / "discovery.lua").read_text(), read(folder / test["inputPath"]))
        expected = {action.pop("name"): action for action in test["result"]}
        assert offered == expected, test["inputPath"]
        assert set(offered) == {p.parent.name for p in folder.glob("*/action.lua")}


@pytest.mark.parametrize("kind", ACTIONS)
def test_what_actions_change(kind):
    folder, tests = ACTIONS[kind]
    for test in tests.get("actionTests", ()):
        changed = evaluated((folder / test["action"] / "action.lua").read_text(), read(folder / test["inputPath"]))
        assert changed == read(folder / test["expectedOutputPath"])


@pytest.mark.parametrize("action", STAMPS)
def test_a_connection_is_asked_by_its_annotation(action):
    folder, _ = ACTIONS["FocusConnection"]
    before = read(folder / "testdata/connection.yaml")

    changed = evaluated((folder / action / "action.lua").read_text(), before)

    stamp = changed["metadata"].pop("annotations")
    assert changed == before
    assert list(stamp) == [STAMPS[action]]
    assert datetime.fromisoformat(stamp[STAMPS[action]]).tzinfo is not None


def test_argo_cd_s_tests_show_every_state_as_the_operator_writes_it():
    differ = [str(p) for p, text in argo_tests().items() if not p.exists() or p.read_text(encoding="utf-8") != text]
    assert not differ, "write them anew: PYTHONPATH=tests .venv/bin/python -m support.gitops_states"
    assert {p.name for p in FOLDER.glob("*/testdata/*")} == {
        p.name for p in argo_tests() if p.parent.name == "testdata"
    }


def test_the_settings_have_every_kind_and_its_scripts():
    data = yaml.safe_load(SETTINGS.read_text())["data"]
    for kind in KINDS:
        health = evaluated(
            data[f"resource.customizations.health.rostersync.dev_{kind}"], {"metadata": {"generation": 1}}
        )
        assert health["status"] == "Progressing"
    offered = yaml.safe_load(data["resource.customizations.actions.rostersync.dev_IlluminateConnection"])
    assert [action["name"] for action in offered["definitions"]] == ["check", "run"]
    assert "Import now" in offered["discovery.lua"]
