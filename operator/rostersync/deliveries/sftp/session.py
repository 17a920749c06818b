"""What is done on an SFTP server: bring a bundle there, or try whether that would work."""

import asyncio
import posixpath
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from rostersync.aside import aside
from rostersync.deliveries import parts
from rostersync.deliveries.port import Bundle, Receiver
from rostersync.deliveries.sftp.deadlines import DEADLINES, PIECE
from rostersync.deliveries.sftp.failures import Failures
from rostersync.deliveries.sftp.login import logged_in
from rostersync.deliveries.sftp.server import asked

_NOT_SHOWN = (asyncssh.SFTPPermissionDenied, asyncssh.SFTPFailure, asyncssh.SFTPOpUnsupported)
_GONE = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)


def send(receiver: Receiver, bundle: Bundle) -> None:
    """As `deliveries.port.Send`.

    All files are sent under other names first, and only then renamed in order. So a delivery that fails on the way has
    changed nothing, and a reader of a folder sees it change within moments.
    """
    aside(lambda: _send(receiver, bundle))


def probe(receiver: Receiver) -> None:
    """Do all that a delivery needs with a small file: write it, rename it, remove it."""
    aside(lambda: _probe(receiver))


async def _send(receiver: Receiver, bundle: Bundle) -> None:
    async with _session(receiver) as session:
        await session.sweep(bundle)
        total, done = sum(file.stat().st_size for file in bundle.files), 0
        sent: list[str] = []
        try:
            for file in bundle.files:
                sent.append(posixpath.join(session.beside, parts.part_of(file.name)))
                await session.write(file, sent[-1], lambda bytes_: receiver.progress(done + bytes_, total))  # noqa: B023
                done += file.stat().st_size
            for part, file in zip(sent, bundle.files, strict=True):
                await session.rename(part, posixpath.join(session.folder, file.name))
        except BaseException:
            await session.discard(sent)
            raise


async def _probe(receiver: Receiver) -> None:
    async with _session(receiver) as session:
        first, second = parts.probe()
        before, after = posixpath.join(session.beside, first), posixpath.join(session.folder, second)
        try:
            with session.failures.naming("write a file", session.beside):
                async with asyncio.timeout(DEADLINES.answer), session.sftp.open(before, "xb") as file:
                    await file.write(b"probe")
            await session.rename(before, after)
            with session.failures.naming("remove a file", session.folder):
                async with asyncio.timeout(DEADLINES.answer):
                    await session.sftp.remove(after)
        except BaseException:
            await session.discard([before, after])
            raise


@dataclass(frozen=True)
class _Session:
    """A login. `folder` is what the reader sees, `beside` where unfinished files are."""

    sftp: asyncssh.SFTPClient
    folder: str
    beside: str
    failures: Failures

    async def check(self) -> None:
        """Both folders must be there."""
        for folder in dict.fromkeys((self.folder, self.beside)):
            with self.failures.naming("deliver", folder):
                async with asyncio.timeout(DEADLINES.answer):
                    found = await self.sftp.stat(folder)
                if found.permissions is not None and not stat.S_ISDIR(found.permissions):
                    raise asyncssh.SFTPNoSuchFile("no folder")

    async def sweep(self, bundle: Bundle) -> None:
        """Remove what a killed attempt left. A server may not list its folders, or not let files be removed."""
        for folder in dict.fromkeys((self.folder, self.beside)):
            try:
                async with asyncio.timeout(DEADLINES.answer):
                    found = self.sftp.scandir(folder)  # any number of files; ours begin with a dot
                    names = [str(each.filename) async for each in found if str(each.filename).startswith(".")]
            except _NOT_SHOWN:
                continue
            except (OSError, asyncssh.Error) as error:
                raise self.failures.of("list a folder", folder, error) from None
            await self.discard([posixpath.join(folder, name) for name in parts.left(names, bundle)])

    async def write(self, file: Path, to: str, progress: Callable[[int], None]) -> None:
        """Write a file, and read its size back."""
        size, done = file.stat().st_size, 0
        try:
            async with asyncio.timeout(DEADLINES.answer):
                remote = await self.sftp.open(to, "xb")
            try:
                with file.open("rb") as local:
                    while piece := local.read(PIECE):
                        async with asyncio.timeout(DEADLINES.piece):
                            await remote.write(piece)
                        done += len(piece)
                        progress(done)
                async with asyncio.timeout(DEADLINES.answer):
                    with suppress(asyncssh.SFTPOpUnsupported):
                        await remote.fsync()
                    await remote.close()
            except BaseException:
                with suppress(OSError, asyncssh.Error):
                    async with asyncio.timeout(DEADLINES.leave):
                        await remote.close()
                raise
            async with asyncio.timeout(DEADLINES.answer):
                found = (await self.sftp.stat(to)).size
        except (OSError, asyncssh.Error) as error:
            if isinstance(error, asyncssh.SFTPFailure) and await self._without_room(size - done):
                raise self.failures.full("deliver", error) from None
            raise self.failures.of("deliver", self.beside, error) from None
        if found != size:
            raise self.failures.other_size(size, found)

    async def rename(self, part: str, to: str) -> None:
        """Give a file its name, in place of what has it. A server without posix-rename lets nothing be replaced."""
        try:
            async with asyncio.timeout(DEADLINES.answer):
                try:
                    await self.sftp.posix_rename(part, to)
                except asyncssh.SFTPOpUnsupported:
                    with suppress(*_GONE):
                        await self.sftp.remove(to)
                    await self.sftp.rename(part, to)
        except (OSError, asyncssh.Error) as error:
            raise self.failures.rename(error) from None

    async def discard(self, paths: list[str]) -> None:
        """Remove files where that is possible: the next attempt tries it, too."""
        for path in paths:
            with suppress(OSError, asyncssh.Error):
                async with asyncio.timeout(DEADLINES.leave):
                    await self.sftp.remove(path)

    async def _without_room(self, needed: int) -> bool:
        """Whether the server has less room than needed. It has no error of its own for that."""
        with suppress(OSError, asyncssh.Error):
            async with asyncio.timeout(DEADLINES.answer):
                found = await self.sftp.statvfs(self.beside)
            return found.bavail * found.frsize < needed + found.frsize
        return False


@asynccontextmanager
async def _session(receiver: Receiver) -> AsyncIterator[_Session]:
    server, failures = asked(receiver.delivery), Failures(receiver.delivery)
    async with logged_in(receiver, failures) as sftp:
        session = _Session(sftp, server.path, server.tempDirectory or server.path, failures)
        await session.check()
        yield session
