"""A folder of a bucket: objects that are written whole or not at all, and removed."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from rostersync.api.v1alpha1.storage import ObjectStorage
from rostersync.aside import aside
from rostersync.buckets.failures import Failures, NotThere

if TYPE_CHECKING:
    from obstore.store import ClientConfig

T = TypeVar("T")
_CONNECT = timedelta(seconds=10)
_ANSWER = 60  # seconds for what is small
_FLOOR = 64 * 1024  # bytes a second that a server must take or give
PART = 8 * 1024 * 1024
_RETRY = {"max_retries": 2, "retry_timeout": timedelta(seconds=30)}
_REMOVED_AT_ONCE = 500


async def upload(store: S3Store, key: str, data: Path | bytes, size: int) -> None:
    """Write an object, in parts of PART bytes if it is larger."""
    several = size > PART
    content: Any = data if several or isinstance(data, bytes) else data.read_bytes()
    await obstore.put_async(store, key, content, use_multipart=several, chunk_size=PART, max_concurrency=1)


class Bucket:
    """What a connection's `objectStorage` names. Raises RostersyncError.

    The key pair is given to the library as it is, so that it looks for no other: neither in the environment, nor in files,
    nor at an address of a cloud's metadata. The authority under `ca.crt`, if there is one, is trusted beside the system's,
    for this bucket alone.
    """

    def __init__(
        self,
        storage: ObjectStorage,
        secret: Mapping[str, str],
        failures: Failures,
        refusal: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        parts = urlsplit(storage.url)
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")
        self._storage, self._failures, self._refusal = storage, failures, refusal
        self._authority = secret.get("ca.crt", "").strip()
        self._keys = {
            "access_key_id": secret["accessKeyID"].strip(),
            "secret_access_key": secret["secretAccessKey"].strip(),
            "token": None,
            "expires_at": None,
        }

    @property
    def url(self) -> str:
        """The address that the connection names."""
        return self._storage.url

    def put(self, key: str, data: Path | bytes) -> None:
        """Write an object, in place of what was there.

        A large one goes up in parts, one after the other, so that a server that stands still is noticed at once. It is
        there when the last part is, and parts of one that fails are taken back.
        """
        size = len(data) if isinstance(data, bytes) else data.stat().st_size
        self.do("write to", size, lambda store: upload(store, key, data, size), min(size, PART))

    def remove(self, keys: Iterable[str]) -> None:
        """Remove objects. Those that are gone already are none's trouble."""
        names = list(keys)
        for at in range(0, len(names), _REMOVED_AT_ONCE):
            part = names[at : at + _REMOVED_AT_ONCE]
            with suppress(NotThere):
                self.do("remove objects of", 0, lambda store, part=part: obstore.delete_async(store, part))  # type: ignore[misc]

    def do(
        self,
        what: str,
        size: int,
        work: Callable[[S3Store], Awaitable[T]],
        largest: int | None = None,
        *,
        timed: bool = True,
    ) -> T:
        """What `work` makes of the bucket. `what` says what was tried, and `size` how many bytes come or go.

        `largest`: bytes of the largest request, by default all. Each has a deadline of its own, and may be repeated. All
        together have one, too, unless they are not `timed`, since nobody knows how many they are.
        """
        request = seconds = _ANSWER + size // _FLOOR
        if largest is not None:
            request = _ANSWER + largest // _FLOOR
            seconds = 2 * request + size // _FLOOR  # after a part that fails comes a request that takes back the others

        async def run() -> T:
            try:
                async with asyncio.timeout(seconds if timed else None):
                    await self._check_address()
                    return await work(self._store(request))
            except (BaseError, OSError) as error:
                raise self._failures.of(what, error) from None

        return aside(run)

    def _store(self, seconds: int) -> S3Store:
        config: dict[str, Any] = {
            "region": self._storage.region or "us-east-1",
            "virtual_hosted_style_request": self._storage.endpoint is None,
            "skip_signature": False,  # the environment could say otherwise
        }
        if self._storage.endpoint:
            config["endpoint"] = self._storage.endpoint.rstrip("/")
        options: ClientConfig = {
            "allow_http": self._storage.insecureHTTP,
            "connect_timeout": _CONNECT,
            "timeout": timedelta(seconds=seconds),
        }
        if self._authority:
            options["root_certificate"] = self._authority
        try:
            return S3Store(
                self._bucket,
                prefix=self._prefix or None,
                config=config,  # type: ignore[arg-type]
                client_options=options,
                retry_config=_RETRY,  # type: ignore[arg-type]
                credential_provider=lambda: self._keys,  # type: ignore[arg-type]
            )
        except (BaseError, ValueError):
            if self._authority:
                raise self._failures.authority() from None
            raise

    async def _check_address(self) -> None:
        """A name that leads to an address that must not be contacted is refused before it is."""
        if self._storage.endpoint is None:
            return
        parts = urlsplit(self._storage.endpoint)
        with suppress(socket.gaierror):  # the request says so
            found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, parts.port or 443)
            for address in found:
                if why := self._refusal(str(address[4][0])):
                    raise self._failures.address(why)
