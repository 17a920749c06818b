"""What a person reads while a test cluster is made and after it is gone: one count, signs of life, what stays."""

import importlib.util
import time
from pathlib import Path

import pytest

from support.cluster import debian, left, programs, sharing
from support.cluster.engine import Engine
from support.cluster.programs import PROGRAMS, say, underway

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own."""
    monkeypatch.setenv("ROSTERSYNC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_takes_long_says_so_while_it_lasts(capsys: pytest.CaptureFixture[str]) -> None:
    with underway("[3/17] kubelet", every=0.02):
        end = time.monotonic() + 10
        said = ""
        while said.count("still at it") < 2 and time.monotonic() < end:
            said += capsys.readouterr().err
            time.sleep(0.01)

    lines = said.splitlines()
    assert len(lines) >= 2
    assert all("[3/17] kubelet: still at it" in line and " s " in line for line in lines)


def test_a_line_comes_at_least_every_half_minute() -> None:
    assert programs.SIGN_OF_LIFE <= 30


def test_what_is_over_is_silent_and_its_time_is_counted_once(capsys: pytest.CaptureFixture[str]) -> None:
    before = programs.spent()
    began = time.monotonic()
    with underway("outer", every=60), underway("inner", every=60):
        time.sleep(0.05)
    took = time.monotonic() - began

    assert 0.05 <= programs.spent() - before <= took
    assert capsys.readouterr().err == ""


def test_all_programs_of_a_cluster_are_one_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever the cluster needs is built before the first of it is used, and not in two countings."""
    asked: list[str] = []
    kubectl = tmp_path / "bin"
    monkeypatch.setattr("support.cluster.kind.programs", lambda group: asked.append(group) or kubectl)
    monkeypatch.setattr(sharing, "engine", lambda: Engine("unix:///none", ours=True))
    monkeypatch.setattr(sharing, "alive", lambda *_: False)
    for name in ("product_image", "delete", "create", "load"):
        monkeypatch.setattr(sharing, name, lambda *_, name=name: asked.append(name))
    sharing.up("x", "rostersync:x")

    assert asked[0] == "kind"
    assert asked[1:5] == ["product_image", "delete", "create", "load"]


def test_what_a_person_sees_first_is_built_first() -> None:
    order = [program.name for program in programs._of("kind")]
    assert sorted(order) == sorted(p.name for p in PROGRAMS if "kind" in p.groups)
    assert set(order[:4]) == {"kube-apiserver", "kube-controller-manager", "kubectl", "etcd"}
    assert set(order[4:6]) == {"helm", "kind"}


def test_what_stays_is_named_with_its_place_and_how_to_remove_it(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(left, "_go", lambda: [(tmp_path / "none", "-cache")])
    assert left.left() == []

    (cache / "bin" / "0123").mkdir(parents=True)
    (cache / "docker").mkdir()  # empty: nothing to name
    (cache / "debian-packages").write_text("docker.io\nmmdebstrap\ndocker.io\n")
    assert debian.installed() == ["docker.io", "mmdebstrap"]
    packages, services, built = left.left()
    assert packages == "Debian packages docker.io, mmdebstrap: apt-get purge docker.io mmdebstrap"
    assert "docker.service" in services
    assert built.startswith(f"{cache / 'bin'}, ")
    assert built.endswith(f"programs built from Go modules: rm -rf {cache / 'bin'}")


def test_the_demos_time_is_without_what_is_made_once() -> None:
    spec = importlib.util.spec_from_file_location("cluster_demo", ROOT / "deploy" / "demo" / "cluster.py")
    assert spec
    assert spec.loader
    demo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo)

    assert demo.took(1000.0, 800.4) == "The demo took 200 s, and 800 s went into what is made once."
    assert demo.took(200.0, 0.0) == "The demo took 200 s."


def test_say_goes_where_a_person_looks(capsys: pytest.CaptureFixture[str]) -> None:
    say("ready", 1.25)
    assert capsys.readouterr().err == "    1.2 s  ready\n"
