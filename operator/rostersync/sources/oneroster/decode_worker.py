"""The process that decodes pages for decode_process.py, one after the other, until the other side closes."""

import contextlib
import socket
import sys

import msgspec

from rostersync.sources.oneroster.decode import Decoder
from rostersync.sources.oneroster.decode_process import Asked, Way


def main() -> None:
    """Decode until the other side closes the channel."""
    asking = msgspec.msgpack.Decoder(Asked)
    decoders: dict[bytes, Decoder] = {}
    way = Way(socket.socket(fileno=int(sys.argv[1])))
    with contextlib.suppress(EOFError, OSError):
        way.give(b"up")
        while True:
            how, body = way.take(), way.take()
            if how not in decoders:
                asked = asking.decode(how)
                wanted = None if asked.wanted is None else frozenset(asked.wanted)
                decoders[how] = Decoder(
                    asked.collection, wanted, odd=asked.odd, today=asked.today, required=asked.required
                )
            try:
                told, rows = decoders[how].page(body).told()
            except Exception:  # noqa: BLE001 - the other side meets it too, and says what it is
                told, rows = b"", b""
            way.give(told, rows)


if __name__ == "__main__":
    main()
