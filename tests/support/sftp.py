"""Deliveries to a server that runs (support/sshd.py), and what it has of them."""

import os
from collections.abc import Mapping
from typing import Any

import pytest

from rostersync.deliveries.port import Receiver
from rostersync.deliveries.sftp.kind import PLACE
from rostersync.errors import Permanent, RostersyncError
from support.places import receiver
from support.sshd import PASSWORD, UPLOAD, USER, Sshd

LOGIN = {"user": USER, "password": PASSWORD}


def to(server: Sshd, secret: Mapping[str, str] = LOGIN, **sftp: Any) -> Receiver:
    """A delivery to the server."""
    return receiver(server.delivery(**sftp), secret)


def names(server: Sshd, folder: str = UPLOAD) -> set[str]:
    """All names in a folder of the server."""
    return set(os.listdir(server.seen(folder)))


def refused(to: Receiver, kind: type[RostersyncError] = Permanent) -> RostersyncError:
    """The error of a probe, which does not tell the password."""
    with pytest.raises(kind) as error:
        PLACE.probe(to)
    assert PASSWORD not in f"{error.value} {error.value.detail}"
    return error.value
