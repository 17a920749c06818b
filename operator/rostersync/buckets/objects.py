"""Objects of a bucket, several at a time: they come and go with their checksums, and are listed.

What is wrong with a file on this side is raised as it is: a full disk here is not the server's.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore

from rostersync.buckets.bucket import PART, Bucket, upload
from rostersync.buckets.failures import NotOffered
from rostersync.durable import TooLarge

if TYPE_CHECKING:
    from obstore.store import S3Store

_AT_ONCE = 4
_CHUNK = 1024 * 1024
LARGEST = 16 * 1024 * 1024  # bytes of an object that is read whole; a list of 50,000 files has fewer
MOST = 10_000  # keys in memory at once
_PAGE = 1000
_STALLED = 60  # seconds without another piece, or another page


@dataclass(frozen=True)
class Size:
    """What an object's content is known by. `sha256` in hexadecimal."""

    bytes: int
    sha256: str


def size_of(file: Path) -> Size:
    """Size and checksum of a file."""
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return Size(file.stat().st_size, digest)


def get(bucket: Bucket, key: str) -> tuple[bytes, str | None]:
    """A small object, and its tag for `put_over`. Raises NotThere, and TooLarge for one that cannot be what is meant."""

    async def work(store: "S3Store") -> tuple[bytes, str | None]:
        found = await obstore.get_async(store, key)
        if found.meta["size"] > LARGEST:
            raise TooLarge(f"larger than {LARGEST // 2**20} MiB")
        data = bytearray()
        async for piece in found.stream(_CHUNK):
            data += piece
            if len(data) > LARGEST:  # whatever the server said before
                raise TooLarge(f"larger than {LARGEST // 2**20} MiB")
        return bytes(data), found.meta["e_tag"]

    return bucket.do("read", 0, work)


def put_over(bucket: Bucket, key: str, data: bytes, tag: str | None) -> str | None:
    """Write a small object in place of the one with this tag, or with None only if there is none. Returns its tag.

    Raises Changed when there is another one, and NotThere when there is none any more. A server that has no conditions for
    writing just replaces the object.
    """

    def put(mode: Any) -> str | None:
        return bucket.do(
            "write to", len(data), lambda store: obstore.put_async(store, key, data, mode=mode, use_multipart=False)
        )["e_tag"]

    try:
        return put("create" if tag is None else {"e_tag": tag})
    except NotOffered:
        return put("overwrite")


def each(bucket: Bucket, folder: str, see: Callable[[str], bool]) -> None:
    """Show the key of each object in a folder, which may be empty for the whole bucket, until `see` wants no more.

    One page of them is in memory at a time.
    """

    async def work(store: "S3Store") -> None:
        pages = aiter(obstore.list(store, folder or None, chunk_size=_PAGE))
        while True:
            async with asyncio.timeout(_STALLED):
                page = await anext(pages, None)
            if page is None or not all(see(found["path"]) for found in page):
                return

    bucket.do("list", 0, work, timed=False)


def keys(bucket: Bucket, folder: str, wanted: Callable[[str], bool] = lambda _: True) -> list[str]:
    """The keys of the wanted objects in a folder, which may be empty for the whole bucket: the first MOST of them."""
    found: list[str] = []

    def see(key: str) -> bool:
        if wanted(key):
            found.append(key)
        return len(found) < MOST

    each(bucket, folder, see)
    return sorted(found)


def put_all(bucket: Bucket, files: Mapping[str, Path]) -> None:
    """Write files as objects, by key. After an error, some of them are there."""
    sizes = {key: file.stat().st_size for key, file in files.items()}

    async def put(store: "S3Store", limit: asyncio.Semaphore, key: str) -> None:
        async with limit:
            await upload(store, key, files[key], sizes[key])

    async def work(store: "S3Store") -> None:
        limit = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(put(store, limit, key) for key in files))

    if files:
        bucket.do("write to", sum(sizes.values()), work, min(max(sizes.values()), PART) * _AT_ONCE)


def get_all(bucket: Bucket, wanted: Mapping[str, tuple[Path, int]]) -> dict[str, Size | None]:
    """Read objects into files. `wanted`: by key, the file and the size that is expected.

    Returns what came, and None for objects that are not there. One of another size is not read, and has no checksum.
    Raises OSError when a file cannot be written.
    """
    found: dict[str, Size | None] = {}
    trouble: list[OSError] = []

    async def get(store: "S3Store", limit: asyncio.Semaphore, key: str) -> None:
        async with limit:
            if trouble:
                return
            try:
                answer = await obstore.get_async(store, key)
            except FileNotFoundError as error:
                if "NoSuchBucket" in str(error):
                    raise
                found[key] = None
                return
            if (there := answer.meta["size"]) != wanted[key][1]:
                found[key] = Size(there, "")  # nobody wants it, and it may be larger than the disk
                return
            sums, size = hashlib.sha256(), 0
            pieces = aiter(answer.stream(_CHUNK))
            while True:
                async with asyncio.timeout(_STALLED):
                    chunk = await anext(pieces, None)
                if chunk is None:
                    break
                sums.update(chunk)
                size += len(chunk)
                if size > wanted[key][1]:  # whatever the server said before
                    break
                if not _written(wanted[key][0], chunk, trouble, first=size == len(chunk)):
                    return
            if not size and not _written(wanted[key][0], b"", trouble, first=True):
                return
            found[key] = Size(size, sums.hexdigest())

    async def work(store: "S3Store") -> None:
        limit = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(get(store, limit, key) for key in wanted))

    if wanted:
        sizes = [size for _, size in wanted.values()]
        bucket.do("read", sum(sizes), work, max(sizes) * _AT_ONCE)
    if trouble:
        raise trouble[0]
    return found


def _written(file: Path, chunk: bytes, trouble: list[OSError], *, first: bool) -> bool:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with file.open("wb" if first else "ab") as opened:
            opened.write(chunk)
    except OSError as error:
        trouble.append(error)
        return False
    return True
