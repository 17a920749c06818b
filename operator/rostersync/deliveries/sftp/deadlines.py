"""How long each step with an SFTP server may take, in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Deadlines:
    """`connect`: until one address answers; `login`: until the server has let us in; `answer`: one request.

    `piece`: one MiB, so that a server must take at least 9 kB/s, and one that stands still is noticed.
    `leave`: to say goodbye, and to remove what was left unfinished.
    """

    connect: float = 20
    login: float = 40
    answer: float = 60
    piece: float = 120
    leave: float = 5


DEADLINES = Deadlines()
PIECE = 1024 * 1024
