"""Image archives in Docker's format, made of folders: one uncompressed layer for each image, no engine needed."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Content:
    """The folder that becomes an image's only layer, and what it runs."""

    folder: Path
    entrypoint: str = ""


def write_archive(out: Path, images: Mapping[str, Content], architecture: str) -> None:
    """Writes the images under their names (NAME:TAG) into one archive.

    The file `repositories` comes first: kind's builder reads the names of all images there, and of manifest.json the first only.
    """
    files: dict[str, bytes] = {}
    manifest: list[dict[str, object]] = []
    repositories: dict[str, dict[str, str]] = {}
    for name, content in images.items():
        layer = _layer(content.folder)
        digest = hashlib.sha256(layer).hexdigest()
        run = {"Env": [_PATH]} | ({"Entrypoint": [content.entrypoint]} if content.entrypoint else {})
        rootfs = {"type": "layers", "diff_ids": [f"sha256:{digest}"]}
        history = [{"created_by": name}]
        config = json.dumps(
            {"architecture": architecture, "os": "linux", "config": run, "history": history, "rootfs": rootfs}
        ).encode()
        config_name = f"{hashlib.sha256(config).hexdigest()}.json"
        files |= {config_name: config, f"{digest}/layer.tar": layer}
        manifest.append({"Config": config_name, "RepoTags": [name], "Layers": [f"{digest}/layer.tar"]})
        repository, tag = name.rsplit(":", 1)
        repositories.setdefault(repository, {})[tag] = digest
    heads = {"repositories": json.dumps(repositories).encode(), "manifest.json": json.dumps(manifest).encode()}
    with tarfile.open(out, "w") as archive:
        for name, data in (heads | files).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def _layer(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        for path in sorted(folder.rglob("*")):
            entry = layer.gettarinfo(path, str(path.relative_to(folder)))
            entry.uid = entry.gid = entry.mtime = 0
            entry.uname = entry.gname = "root"
            if entry.isreg():
                with path.open("rb") as data:
                    layer.addfile(entry, data)
            else:
                layer.addfile(entry)
    return buffer.getvalue()
