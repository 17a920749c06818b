"""The examples for Argo CD and Flux name what there is, and wait for what the operator says."""

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = [*(ROOT / "deploy/flux").glob("*.yaml"), *(ROOT / "deploy/argocd").glob("*.yaml")]


def documents(path: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


def at(name: str, kind: str) -> dict[str, Any]:
    return next(d["spec"] for d in documents(ROOT / "deploy" / name) if d["kind"] == kind)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_document_is_an_object_with_a_name(path):
    found = documents(path)
    assert found
    assert all(d["apiVersion"] and d["kind"] and d["metadata"]["name"] for d in found)


def test_the_chart_is_where_both_say_and_takes_their_values():
    argo, flux = at("argocd/operator.yaml", "Application")["source"], at("flux/operator.yaml", "HelmRelease")
    values = yaml.safe_load((ROOT / argo["path"] / "values.yaml").read_text())

    assert argo["path"] == flux["chart"]["spec"]["chart"]
    for given in (argo["helm"]["valuesObject"], flux["values"]):
        assert given["image"].keys() <= values["image"].keys()


def test_flux_waits_for_what_the_districts_say():
    spec = at("flux/districts.yaml", "Kustomization")
    assert (spec["wait"], spec["prune"]) == (True, True)
    assert spec["sourceRef"] == {"kind": "GitRepository", "name": "districts"}


def test_argo_cd_applies_on_the_server_s_side_where_objects_are_large():
    for name in ("operator", "districts"):
        assert "ServerSideApply=true" in at(f"argocd/{name}.yaml", "Application")["syncPolicy"]["syncOptions"]
