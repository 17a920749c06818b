"""crds: the files that are generated from the API's types."""

from pathlib import Path

import click

from rostersync.execution.options import debug_option


@click.command(
    epilog="""\b
Examples:
  rostersync crds --to crds
  rostersync crds --to crds --check
"""
)
@click.option(
    "--to",
    "folder",
    default="crds",
    show_default=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the YAML files go.",
)
@click.option(
    "--repository",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Root of rostersync's own repository: also write the copies in its chart and kustomize base, with the "
    "admission policies and roles, and the settings of Argo CD.",
)
@click.option("--check", is_flag=True, help="Write nothing; fail when files differ.")
@debug_option
def crds(folder: Path, repository: Path | None, check: bool) -> None:
    """Write the CustomResourceDefinitions, which are generated from the types that validate manifests."""
    from rostersync.api import argocd, crd, generated_files
    from rostersync.errors import Permanent

    if repository and not all((repository / part).is_dir() for part in ("charts/rostersync", "deploy/base")):
        raise Permanent(
            f"{repository} is not rostersync's repository: it has no charts/rostersync and deploy/base. Nothing was "
            "written; without --repository the CRDs alone are.",
            reason="NotTheRepository",
        )
    texts = {folder / name: text for name, text in crd.render().items()}
    if repository:
        texts |= {
            repository / path: text for path, text in (generated_files.repository() | argocd.files(repository)).items()
        }
    if check:
        differ = [p for p, text in texts.items() if not p.exists() or p.read_text(encoding="utf-8") != text]
        if differ:
            also = f" --repository {repository}" if repository else ""
            raise Permanent(
                f"Not up to date: {', '.join(map(str, differ))}; run `rostersync crds --to {folder}{also}`.",
                reason="Differs",
            )
        return
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        click.echo(path)
