"""Where a redirect leads: whether credentials may go there, and whether messages may name it. Pure."""

from urllib.parse import urljoin, urlsplit

from rostersync.sources.oneroster.endpoint import bare

MAX_SHOWN = 200  # characters of an address in a message


def at_home(url: str, location: str) -> str | None:
    """Where a redirect leads; None when that is another server or no address: credentials are not sent there."""
    try:
        target = urljoin(url, location)
        there, here = urlsplit(target), urlsplit(url)
        same = (there.scheme, there.hostname, there.port) == (here.scheme, here.hostname, here.port)
        safer = (here.scheme, there.scheme, here.port, there.port) == ("http", "https", None, None)
    except ValueError:
        return None
    return target if same or (safer and there.hostname == here.hostname) else None


def shown(url: str, location: str) -> str | None:
    """Where a redirect leads, as messages may name it: a short web address without its query; None for anything else."""
    try:
        target = urljoin(url, location) if location else ""
        plain = bare(target) if urlsplit(target).scheme in ("http", "https") else ""
    except ValueError:
        return None
    return plain if plain and len(plain) <= MAX_SHOWN and plain.isascii() and plain.isprintable() else None
