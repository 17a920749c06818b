"""A connection as Jobs get it: one line of text that fits into an annotation. Equal objects give equal text."""

import base64
import binascii
import gzip
import json
import zlib
from collections.abc import Mapping
from typing import Any

from rostersync.errors import InvalidManifest

MOST = 16 * 1024 * 1024  # bytes of an unpacked object, far more than any object of Kubernetes has


def pack(connection: Mapping[str, Any]) -> str:
    """The object as base64 of gzip of JSON. The caller checks its length."""
    text = json.dumps(connection, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def unpack(text: str) -> dict[str, Any]:
    """The object that was packed. Raises InvalidManifest for other texts, without repeating them."""
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
