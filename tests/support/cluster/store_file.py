"""A look into the store's file on a claim, while Jobs may have it."""

from typing import Any

import duckdb

from support.cluster.kubelet import Kubelet
from support.cluster.scene import Scene


def rows(scene: Scene, kubelet: Kubelet, query: str, district: str = "springfield") -> list[tuple[Any, ...]]:
    """The rows of a query over the file's tables, as soon as no Job has it."""
    file = kubelet.claim(scene.namespace, f"rostersync-{district}-store") / "roster.duckdb"

    def read() -> list[list[tuple[Any, ...]]] | None:
        try:
            with duckdb.connect(str(file), read_only=True) as store:
                return [store.execute(query).fetchall()]
        except duckdb.IOException:
            return None

    found: list[list[tuple[Any, ...]]] = scene.wait(read, "a look into the store")
    return found[0]
