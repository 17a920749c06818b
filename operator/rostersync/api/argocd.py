"""What Argo CD is told of the kinds: health and actions, in its own layout and as the ConfigMap that it reads.

The scripts are written by hand in deploy/argocd, those of a connection once. The other kinds of connections get copies.
"""

from collections.abc import Mapping
from pathlib import Path

from rostersync.api.generated_files import SAYS, dump
from rostersync.api.kinds import KINDS, connections
from rostersync.api.v1alpha1 import GROUP

FOLDER = f"deploy/argocd/resource_customizations/{GROUP}"
ORIGINAL = connections()[0].name
_SETTINGS = "deploy/argocd/argocd-cm.yaml"
_AS_COPIED = f"-- {SAYS.replace('operator/rostersync/api', f'{FOLDER}/{ORIGINAL}')}\n"


def files(repository: Path) -> dict[str, str]:
    """Path in the repository -> text, for all that is generated from its scripts."""
    scripts = {
        kind.name: _scripts(repository / FOLDER / kind.name) for kind in KINDS.values() if not _copied(kind.name)
    }
    made: dict[str, str] = {}
    for kind in KINDS:
        if _copied(kind):
            scripts[kind] = {name: _AS_COPIED + text for name, text in scripts[ORIGINAL].items()}
            made |= {f"{FOLDER}/{kind}/{name}": text for name, text in scripts[kind].items()}
    return made | {_SETTINGS: _settings({kind: scripts[kind] for kind in KINDS})}


def _copied(kind: str) -> bool:
    return KINDS[kind].is_connection and kind != ORIGINAL


def _scripts(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text(encoding="utf-8") for p in sorted(folder.rglob("*.lua"))}


def _settings(scripts: Mapping[str, Mapping[str, str]]) -> str:
    data = {}
    for kind, texts in scripts.items():
        data[f"resource.customizations.health.{GROUP}_{kind}"] = texts["health.lua"]
        actions = [
            {"name": name.split("/")[1], "action.lua": text}
            for name, text in texts.items()
            if name.endswith("/action.lua")
        ]
        if actions:
            made = {"discovery.lua": texts["actions/discovery.lua"], "definitions": actions}
            data[f"resource.customizations.actions.{GROUP}_{kind}"] = dump(made)
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"}, "data": data}
    return f"# {SAYS.replace('operator/rostersync/api', FOLDER)}\n{dump(config)}"
