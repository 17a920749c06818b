"""What went wrong with a bucket, as sentences. Pure.

The library's exceptions are texts: they hold the server's answer, with a code that all servers of S3's protocol share.
Nothing else of that text is kept, since servers quote requests in it.
"""

import re
from dataclasses import dataclass

from rostersync.api.v1alpha1.storage import ObjectStorage
from rostersync.errors import DiskFull, Permanent, Retryable, RostersyncError

_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,64})</Code>")
_STATUS = re.compile(r"(?:status code: |status: )(\d{3})")
_CREDENTIALS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "XAdminUserNotFound", "InvalidToken", "ExpiredToken"}
_DENIED = {"AccessDenied", "AllAccessDisabled", "AccountProblem"}
_REGION = {
    "AuthorizationHeaderMalformed",
    "PermanentRedirect",
    "IllegalLocationConstraintException",
    "IncorrectEndpoint",
}
_FULL = {
    "QuotaExceeded",
    "XMinioStorageFull",
    "XMinioAdminBucketQuotaExceeded",
    "InsufficientStorage",
    "EntityTooLarge",
}
_TRUST = "InvalidCertificate("  # the library's word for a server's certificate that it does not accept


_CHANGED = {"PreconditionFailed", "ConditionalRequestConflict"}


class NotThere(Permanent):
    """There is no such object."""

    reason = "NoSuchObject"


class Changed(Retryable):
    """An object is not the one any more that was to be replaced."""

    reason = "ObjectChanged"


class NotOffered(Permanent):
    """The server does not have what was asked of it."""

    reason = "NotImplemented"


@dataclass(frozen=True)
class Failures:
    """Those of one bucket. `subject`: who uses it, such as `Delivery feed`. `field`: where it is in the connection."""

    storage: ObjectStorage
    subject: str
    field: str
    volume: str  # what a full disk is called

    @property
    def _server(self) -> str:
        return (self.storage.endpoint or "https://s3.amazonaws.com").rstrip("/")

    def of(self, what: str, error: BaseException) -> RostersyncError:
        """What an error means that came while `what` was done, such as `write`."""
        if isinstance(error, TimeoutError):
            return self.too_slow(what)
        text = str(error)
        code, status = _first(_CODE, text), _first(_STATUS, text)
        known = self._by_code(what, code, status, bare="BareRedirect" in text)
        return known or self._by_text(what, text, code, status)

    def address(self, why: str) -> RostersyncError:
        """The server's address is one that must not be contacted."""
        return Permanent(
            f"{self._could_not('connect')}: its address is {why}, which a Job may not contact. Correct {self.field}.endpoint.",
            reason="AddressRefused",
        )

    def too_slow(self, what: str) -> RostersyncError:
        """The server stands still, or takes less than it must."""
        return Retryable(
            f"{self._could_not(what)}: the server did not answer in time, or takes less than 64 kB/s. It is tried again; if this "
            "repeats, ask who runs the server.",
            reason="TimedOut",
        )

    def authority(self) -> RostersyncError:
        """The certificate under ca.crt cannot be read."""
        return Permanent(
            f"{self._could_not('connect to')}: Secret {self.storage.secretRef.name} has no certificate in PEM form under the "
            "key ca.crt. Put the authority's certificate there, or remove the key.",
            reason="SecretIncomplete",
        )

    def _by_code(self, what: str, code: str, status: str, *, bare: bool) -> RostersyncError | None:
        tried, secret = self._could_not(what), f"Secret {self.storage.secretRef.name}"
        detail = f"{status} {code}".strip()
        if code == "NoSuchBucket":
            return Permanent(
                f"{tried}: there is no such bucket. Correct {self.field}.url, or make the bucket; it is not made, so that a "
                "mistyped name is noticed.",
                reason="NoSuchBucket",
            )
        if code in _CREDENTIALS:
            return Permanent(
                f"{tried}: accessKeyID and secretAccessKey of {secret} were refused. Correct them.",
                reason="CredentialsRefused",
                detail=detail,
            )
        if code in ("RequestTimeTooSkewed", "RequestExpired"):
            return Retryable(
                f"{tried}: the clock here differs too much from the server's. Set the node's clock (NTP); it is tried again.",
                reason="ClockSkewed",
                detail=detail,
            )
        if code in _REGION or (bare and not code):
            return Permanent(
                f"{tried}: the bucket is in another region than {self.storage.region or 'us-east-1'}. Correct "
                f"{self.field}.region, or the endpoint.",
                reason="WrongRegion",
                detail=detail,
            )
        if code in _FULL or status == "507":
            return DiskFull(
                f"{tried}: the server has no room, or the bucket's quota is reached. Make room, then it goes on.",
                volume=self.volume,
                detail=detail,
            )
        if code in _DENIED:
            return Permanent(
                f"{tried}: the server denied it to the key of {secret}. Allow it to read, write, list and remove objects below "
                f"{self.storage.url}.",
                reason="DeliveryRefused" if self.volume == "delivery" else "BucketRefused",
                detail=detail,
            )
        if code in _CHANGED:
            return Changed(f"{tried}: somebody else has written there in the meantime.")
        if code == "NotImplemented":
            return NotOffered(f"{tried}: the server does not offer that.", detail=detail)
        if code == "NoSuchKey":
            return NotThere(f"{tried}: there is no such object.")
        return None

    def _by_text(self, what: str, text: str, code: str, status: str) -> RostersyncError:
        tried, detail = self._could_not(what), f"{status} {code}".strip()
        again = "It is tried again; if this repeats, ask who runs the server."
        if _TRUST in text:
            return Permanent(f"{tried}: {self._certificate(text)}", reason="CertificateNotTrusted")
        if "dns error" in text or ("kind: Connect" in text and not status):
            return Retryable(
                f"{tried}: nothing answers there. Check {self.field}.endpoint, and whether firewalls let this cluster through.",
                reason="Unreachable",
            )
        if "kind: Timeout" in text or "TimedOut" in text:
            return self.too_slow(what)
        if status and (code or status[0] == "5"):
            return Retryable(
                f"{tried}: the server answered {detail}. Its disk may be full; {again[0].lower()}{again[1:]}",
                reason="ReceiverFailed",
                detail=detail,
            )
        if status or "source: Metadata" in text:
            return Permanent(
                f"{tried}: what answers there (status {status or 200}) does not speak S3's protocol. Check {self.field}.endpoint.",
                reason="NotS3",
                detail=detail,
            )
        return Retryable(f"{tried}: the connection was cut. {again}", reason="ConnectionLost")

    def _certificate(self, text: str) -> str:
        if "NotValidForName" in text:
            return (
                f"the server's certificate is for another name. Correct {self.field}.endpoint, or give the server a "
                "certificate for that name."
            )
        if "NotValidYet" in text:
            return "the server's certificate is not valid yet. Set the node's clock (NTP), or renew the certificate."
        if "Expired" in text:
            return "the server's certificate has expired. Renew it there."
        secret = self.storage.secretRef.name
        return (
            "the server's certificate is not trusted. Put the certificate of the authority that signed it under the key "
            f"ca.crt of Secret {secret}, or give the server one that a public authority has signed."
        )

    def _could_not(self, what: str) -> str:
        return f"{self.subject} could not {what} {self.storage.url} at {self._server}"


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""
