"""A connection as Jobs get it: one line of text that fits into an annotation, the same for the same object."""

import base64
import binascii
import gzip
import json
import zlib
from collections.abc import Mapping
from typing import Any

from rostersync.errors import InvalidManifest

MOST = 16 * 1024 * 1024  # bytes that a packed object may come to: no object of Kubernetes is larger by far


def pack(connection: Mapping[str, Any]) -> str:
    """The object as base64 of gzip of JSON; how long that may be is for the caller to check."""
    text = json.dumps(connection, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def unpack(text: str) -> dict[str, Any]:
    """The object that `pack` was given. Raises InvalidManifest for anything else; its text is never repeated."""
    data: Any = None
    try:
        reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        packed = reader.decompress(base64.b64decode(text.strip(), validate=True), MOST)
        if reader.eof:
            data = json.loads(packed)
    except (binascii.Error, zlib.error, ValueError):
        data = None
    if not isinstance(data, dict):
        raise InvalidManifest(
            "The connection that the Job was given cannot be unpacked: it is not base64 of gzip of a JSON object. "
            "Operator and image must be of one version; make the run again.",
            reason="ConnectionUnreadable",
        )
    return data
