"""Which addresses a login may contact. A name is looked up once, and the server is contacted at what was found.

Decides only; libpq connects. It gets `hostaddr` beside `host`, so that it looks nothing up itself and still compares the
certificate with the name.
"""

from collections.abc import Mapping

from rostersync.errors import Permanent, StoreUnreachable
from rostersync.stores.postgres.login import Login
from rostersync.stores.reach import Reach

_OWN = "127.0.0.1"


def reached(login: Login) -> Mapping[str, str]:
    """The parameters to connect with. Where nothing limits it, libpq looks up names itself."""
    return pinned(login, login.reach) if login.reach else login.parameters


def pinned(login: Login, reach: Reach) -> Mapping[str, str]:
    """The login's parameters with an address for each host. Raises Permanent for one that may not be contacted.

    Of several hosts each must be allowed, and one must have an address. A socket is a way to the process's own machine.
    """
    found: list[tuple[str, str, str]] = []
    hosts, ports = (login.parameters[key].split(",") for key in ("host", "port"))
    for host, port in zip(hosts, ports, strict=True):
        if host.startswith(("/", "@")):
            if reach.refusal(_OWN):
                raise _refused(login, "a socket of the Job's own machine")
            found.append((host, "", port))
            continue
        try:
            addresses = reach.resolve(host, int(port))
        except OSError:
            continue
        for address in addresses:
            if why := reach.refusal(address):
                raise _refused(login, why)
            found.append((host, address, port))
    if not found:
        raise StoreUnreachable(
            f"Tried to connect to the roster store ({login.where}); there is no address for that host name. Check host in "
            f"Secret {login.secret}, and DNS."
        )
    names, addresses, there = zip(*found, strict=True)
    return {
        **login.parameters,
        "host": ",".join(names),
        "hostaddr": ",".join(addresses),
        "port": ",".join(there),
    }


def _refused(login: Login, why: str) -> Permanent:
    return Permanent(
        f"Tried to connect to the roster store ({login.where}); its address is {why}, which a Job may not contact. Name the "
        f"database's server in Secret {login.secret}.",
        reason="AddressRefused",
    )
