"""What is missing among the manifests is named beside what is there, with its file: never a value of a Secret."""

from pathlib import Path

import pytest

from rostersync.errors import InvalidManifest
from rostersync.execution.inputs import credentials
from rostersync.local.manifest_files import load
from support.manifests import CONNECTION, SECRET, given


def test_one_connection_twice_names_both_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CONNECTION, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(CONNECTION, encoding="utf-8")
    with pytest.raises(InvalidManifest) as raised:
        load([tmp_path], {})
    places = ", ".join(f"{tmp_path / name}, document 1" for name in ("a.yaml", "b.yaml"))
    assert str(raised.value) == (
        f"FocusConnection springfield is given 2 times ({places}); give only one of them with -f"
    )


def test_a_secret_under_another_name_is_named_with_its_file(tmp_path: Path) -> None:
    manifests = given(tmp_path, CONNECTION, SECRET.replace("name: focus", "name: focsu"))
    with pytest.raises(InvalidManifest) as raised:
        credentials(manifests, {})
    file = tmp_path / "manifests.yaml"
    assert f"is not among the manifests (Secrets that are: rosters/focsu in {file}); add it" in str(raised.value)


def test_a_misspelt_key_is_named_and_no_value(tmp_path: Path) -> None:
    manifests = given(tmp_path, CONNECTION, SECRET.replace("clientSecret", "client-secret"))
    with pytest.raises(InvalidManifest) as raised:
        credentials(manifests, {})
    file = tmp_path / "manifests.yaml"
    assert str(raised.value) == (
        "Secret rosters/focus has no value for clientSecret; it needs the keys clientID and clientSecret; "
        f"in {file} it has clientID and client-secret"
    )


def test_a_secret_without_a_namespace_is_named_with_its_file_too(tmp_path: Path) -> None:
    text = SECRET.replace(", namespace: rosters", "").replace("clientSecret", "client-secret")
    with pytest.raises(InvalidManifest, match=r"in .*manifests\.yaml it has clientID and client-secret"):
        credentials(given(tmp_path, CONNECTION, text), {})


def test_a_key_that_kubernetes_would_not_take_is_counted_and_not_named(tmp_path: Path) -> None:
    """A value that was put where its key belongs looks like that."""
    manifests = given(tmp_path, CONNECTION, SECRET.replace("clientSecret: hunter2", '"hunter 2": clientSecret'))
    with pytest.raises(InvalidManifest) as raised:
        credentials(manifests, {})
    assert str(raised.value).endswith("it has clientID and 1 more")
    assert "hunter" not in str(raised.value)
