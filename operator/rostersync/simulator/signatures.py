"""OAuth 1.0a: whether a request is signed with the keys that were given out."""

import re
import time
from collections.abc import Callable
from urllib.parse import unquote

from oauthlib import oauth1

METHODS = ("HMAC-SHA1", "HMAC-SHA256")
MOST_OFF = 300  # seconds that a signature's time may be off
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


def signed(
    header: str,
    url: str,
    client: tuple[str, str],
    user: tuple[str, str] | None,
    new: Callable[[str], bool],
) -> bool:
    """Whether the Authorization header of a GET of this address signs it with the client's key and secret.

    `user`: the key and secret of a user, with which it must be signed, too. `new` says whether a nonce is seen for the
    first time.
    """
    said = {name: unquote(value) for name, value in _PARAMETER.findall(header)}
    keys = {"oauth_consumer_key": client[0]} | ({"oauth_token": user[0]} if user else {})
    moment = said.get("oauth_timestamp", "")
    if (
        said.get("oauth_signature_method") not in METHODS
        or any(said.get(name) != value for name, value in keys.items())
        or not moment.isdecimal()
        or abs(time.time() - int(moment)) > MOST_OFF
    ):
        return False
    again = oauth1.Client(
        client[0],
        client_secret=client[1],
        resource_owner_key=user[0] if user else None,
        resource_owner_secret=user[1] if user else None,
        signature_method=said["oauth_signature_method"],
        nonce=said.get("oauth_nonce", ""),
        timestamp=moment,
    )
    _, headers, _ = again.sign(url, http_method="GET")
    wanted = dict(_PARAMETER.findall(str(headers["Authorization"])))["oauth_signature"]
    return unquote(wanted) == said.get("oauth_signature") and new(said.get("oauth_nonce", ""))
