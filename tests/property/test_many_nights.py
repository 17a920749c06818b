"""Night after night, whoever gets bundles has what an export says and what the source has, by the reference model.

Every kind of store, and receivers of every form of OneRoster CSV. `make nights NIGHTS=100` lives through as many.
"""

import os
import random
from contextlib import nullcontext
from pathlib import Path

import pytest

from support.nights import Nights
from support.receiving import Post
from support.stores import KINDS, Kept
from support.told import by_model, by_receiver

NIGHTS, DISTRICTS = (
    int(os.environ.get(f"ROSTERSYNC_TEST_{name}", n)) for name, n in (("NIGHTS", "5"), ("DISTRICTS", "1"))
)
STORES = ("embedded", "postgres")


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("number", range(DISTRICTS))
def test_receivers_have_what_the_source_has(number: int, store: str, tmp_path: Path) -> None:
    folder, scratch = tmp_path / "store", tmp_path / "district" / "scratch"
    for each in (folder, scratch / "bundles"):
        each.mkdir(parents=True)
    with KINDS[store].there(folder) if store == "postgres" else nullcontext():
        kept = Kept(store, folder, tmp_path / "district")
        live_through(random.Random(f"many nights/{store}/{number}"), tmp_path / "district", kept)


def live_through(rng: random.Random, folder: Path, kept: Kept) -> None:
    post = Post(rng, folder, kept.store)
    nights = Nights(rng, folder, kept.store, post.names)
    compared = 0
    for night in range(NIGHTS):
        nights.night()
        exports = post.deliver(nights.now)
        source = by_model(nights.model)
        for each in post.receivers:
            if each.name in exports:
                told = f"{each.name}, night {night + 1}"
                assert each.reader.content == exports[each.name], told
                assert each.narrowed or by_receiver(each.reader.content, each.version) == source, told
                compared += 1
    print(f"{NIGHTS} nights: {dict(nights.did)}, {dict(post.did)}, {compared} compared")
    assert compared > NIGHTS
