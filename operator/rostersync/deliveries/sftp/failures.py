"""What went wrong with an SFTP server, as sentences. Texts of the server go into `detail`."""

import asyncio
import os
import socket
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import asyncssh

from rostersync.api.v1alpha1.deliveries import Delivery
from rostersync.deliveries.sftp.host_keys import HostKey
from rostersync.deliveries.sftp.server import asked, where
from rostersync.errors import DiskFull, Permanent, Retryable, RostersyncError

_LOST = (asyncssh.ConnectionLost, asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.SFTPEOFError)
_FULL = (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded)
_REFUSED = (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect, asyncssh.SFTPCannotDelete)
_MISSING = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)


@dataclass(frozen=True)
class Failures:
    """Those of one delivery."""

    delivery: Delivery

    @property
    def _secret(self) -> str:
        return f"Secret {asked(self.delivery).secretRef.name}"

    @property
    def _server(self) -> str:
        server = asked(self.delivery)
        return f"{server.host} port {server.port}"

    def unreachable(self, error: OSError) -> RostersyncError:
        """No address answered, or there is none."""
        if isinstance(error, socket.gaierror):
            what = (
                f"there is no address for the name {asked(self.delivery).host}. Check sftp.host and the cluster's DNS"
            )
        elif isinstance(error, TimeoutError):
            what = "nothing answered in time. Check sftp.host and sftp.port, and whether firewalls let this cluster through"
        else:
            reason = os.strerror(error.errno).lower() if error.errno else "no connection"
            what = f"{reason}. Check sftp.host and sftp.port, and whether firewalls let this cluster through"
        return Retryable(f"{self._could_not(f'connect to {self._server}')}: {what}.", reason="Unreachable")

    def address(self, why: str) -> RostersyncError:
        """The server's address is one that must not be contacted."""
        return Permanent(
            f"{self._could_not(f'connect to {self._server}')}: its address is {why}, which a Job may not contact. Name "
            "the receiver's server in sftp.host.",
            reason="AddressRefused",
        )

    def other_host_key(self, shown: HostKey, pinned: Sequence[HostKey]) -> RostersyncError:
        """The server is not the one that is pinned."""
        keys = ", ".join(key.fingerprint for key in pinned)
        return Permanent(
            f"Delivery {self.delivery.name} sent nothing: {self._server} shows the host key {shown.fingerprint}, but "
            f"sftp.hostKey has {keys}. Ask the receiver whether the server has a new key: only if it has, put that key "
            "into sftp.hostKey. Otherwise somebody may be between you and the server.",
            reason="HostKeyChanged",
        )

    def private_key(self, error: Exception, passphrase: bool) -> RostersyncError:
        """The private key of the Secret cannot be read."""
        if isinstance(error, asyncssh.KeyEncryptionError) or "assphrase" in str(error) or "decrypt" in str(error):
            what = "cannot be opened with passphrase" if passphrase else "has a passphrase, which is not there"
            remedy = "Write the right passphrase into the Secret's key passphrase"
        else:
            what = "is no private key"
            remedy = "Give it in the form that ssh-keygen writes (OpenSSH or PEM; PuTTY: export it as an OpenSSH key)"
        return Permanent(
            f"{self._could_not('log in')}: privateKey of {self._secret} {what}. {remedy}.",
            reason="PrivateKeyUnreadable",
        )

    def login(self, error: Exception, given: Collection[str]) -> RostersyncError:
        """The server did not let us in. `given`: what it had asked for."""
        login = f"log in to {self._server}"
        if isinstance(error, asyncssh.PermissionDenied):
            if not given:
                what = f"the server takes neither what {self._secret} has nor anything else that is supported; ask the receiver"
                what += " whether it wants a password or a key"
            else:
                names = " and ".join(sorted(given))
                what = f"the server refused user and {names} of {self._secret}. Correct them"
            return Permanent(f"{self._could_not(login)}: {what}.", reason="CredentialsRefused", detail=str(error))
        if isinstance(error, asyncssh.KeyExchangeFailed):
            return Permanent(
                f"{self._could_not(login)}: the server only offers algorithms that OpenSSH no longer takes by default. Ask "
                "the receiver to update it.",
                reason="AlgorithmsRefused",
                detail=str(error),
            )
        if isinstance(error, (asyncssh.ProtocolError, asyncssh.ProtocolNotSupported)):
            return Permanent(
                f"{self._could_not(login)}: what answers there does not speak SSH. Check sftp.host and sftp.port.",
                reason="NotSFTP",
                detail=str(error),
            )
        return self._passing(login, error)

    def no_sftp(self, error: Exception, *, lost: bool) -> RostersyncError:
        """Logged in, but the server opens no SFTP session."""
        if isinstance(error, asyncssh.ChannelOpenError) and not lost:
            return Permanent(
                f"Delivery {self.delivery.name} logged in to {self._server}, but the server gives this user no SFTP session. "
                "Ask the receiver to allow SFTP for the user.",
                reason="NotSFTP",
                detail=str(error),
            )
        return self._passing(f"open an SFTP session on {self._server}", error)

    @contextmanager
    def naming(self, what: str, folder: str) -> Iterator[None]:
        """Turns errors of the server while `what` is done in `folder` into ours."""
        try:
            yield
        except (OSError, asyncssh.Error) as error:
            raise self.of(what, folder, error) from None

    def of(self, what: str, folder: str, error: Exception) -> RostersyncError:
        """What an error of the server means."""
        tried = self._could_not(what)
        if isinstance(error, _FULL):
            return self.full(what, error)
        if isinstance(error, _MISSING):
            return Permanent(
                f"{tried}: there is no folder {folder} on {self._server} for this user. Correct the path, or ask the receiver "
                "to make the folder; it is not made, so that a mistyped path is noticed.",
                reason="NoSuchFolder",
            )
        if isinstance(error, _REFUSED):
            return Permanent(
                f"{tried}: the server denied it in folder {folder}. Ask the receiver to let this user write, rename and "
                "remove files there.",
                reason="DeliveryRefused",
                detail=str(error),
            )
        if isinstance(error, asyncssh.SFTPError) and not isinstance(error, _LOST):
            return Retryable(
                f"{tried}: the server failed in folder {folder}, and did not say why. Its disk may be full, a quota "
                "reached, or renaming not allowed; ask the receiver.",
                reason="ReceiverFailed",
                detail=str(error),
            )
        return self._passing(what, error)

    def rename(self, error: Exception) -> RostersyncError:
        """The server did not rename a finished file."""
        server = asked(self.delivery)
        if not isinstance(error, asyncssh.SFTPError) or isinstance(error, _LOST):
            return self._passing("rename a file", error)
        two = (
            f" tempDirectory {server.tempDirectory} and path {server.path} must be on one disk."
            if server.tempDirectory
            else ""
        )
        kind = Permanent if isinstance(error, (*_REFUSED, asyncssh.SFTPOpUnsupported)) else Retryable
        return kind(
            f"{self._could_not('rename a file')}: {self._server} refused it in folder {server.path}. A file is sent under a name "
            f"that begins with a dot, and renamed when it is whole; ask the receiver to allow that.{two}",
            reason="RenameRefused",
            detail=str(error),
        )

    def full(self, what: str, error: Exception | None = None) -> RostersyncError:
        """The receiver has no room."""
        return DiskFull(
            f"{self._could_not(what)}: the disk of {self._server} is full, or this user's quota is reached. Ask the receiver "
            "to make room; what was delivered before is still there.",
            volume="delivery",
            detail=str(error or ""),
        )

    def other_size(self, sent: int, found: int | None) -> RostersyncError:
        """What arrived is not as long as what was sent."""
        return Retryable(
            f"{self._could_not('deliver')}: {sent} bytes were sent to {where(self.delivery)}, but the server has {found or 0} of "
            "them. The unfinished file was not renamed; if this repeats, ask the receiver for the server's log.",
            reason="SizeDiffers",
        )

    def _passing(self, what: str, error: Exception) -> RostersyncError:
        tried = self._could_not(what)
        if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
            return Retryable(
                f"{tried}: {self._server} did not answer in time, or was too slow. It is tried again; if this repeats, ask "
                "the receiver how busy the server is.",
                reason="TimedOut",
            )
        return Retryable(
            f"{tried}: the connection to {self._server} was cut. It is tried again; if this repeats, ask the receiver for "
            "the server's log.",
            reason="ConnectionLost",
            detail=str(error),
        )

    def _could_not(self, what: str) -> str:
        return f"Delivery {self.delivery.name} could not {what}"
