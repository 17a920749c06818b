"""The record of SFTP. It imports no SSH, since the operator reads it, too."""

from rostersync.deliveries.port import Bundle, Place, Receiver
from rostersync.deliveries.sftp.server import asked, where


def _send(receiver: Receiver, bundle: Bundle) -> None:
    from rostersync.deliveries.sftp.session import send

    send(receiver, bundle)


def _probe(receiver: Receiver) -> None:
    from rostersync.deliveries.sftp.session import probe

    probe(receiver)


PLACE = Place(
    secret=lambda delivery: asked(delivery).secretRef.name,
    keys=(("user",), ("password", "privateKey")),
    claim=lambda _: None,
    where=where,
    send=_send,
    probe=_probe,
    account=lambda receiver: receiver.secret.get("user", "").strip(),
)
