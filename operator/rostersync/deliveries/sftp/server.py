"""The server and the folder that a delivery names. Pure."""

from typing import cast

from rostersync.api.v1alpha1.deliveries import SFTP, Delivery


def asked(delivery: Delivery) -> SFTP:
    """The server and the folder."""
    return cast(SFTP, delivery.sftp)  # the registry asks a record only about what it is for


def where(delivery: Delivery) -> str:
    """The folder as a URL."""
    server = asked(delivery)
    host = f"[{server.host}]" if ":" in server.host else server.host
    port = "" if server.port == 22 else f":{server.port}"
    return f"sftp://{host}{port}/{server.path.removeprefix('/')}"
