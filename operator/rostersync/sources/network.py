"""Which addresses a source, a delivery or a database may have, and how names are resolved.

Decides only; the clients connect.
A Job runs inside the cluster's network, and contacts an address that somebody wrote into a connection. Without limits,
that could be a service of the node, or a cloud's metadata.
"""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import httpcore

_TRANSLATED = IPv6Network("64:ff9b::/96")  # NAT64: the last 32 bits are an IPv4 address
_OLD_MAPPED = IPv6Network("::/96")  # IPv4-compatible addresses, long deprecated
_THIS = ip_network("0.0.0.0/8")  # reaches this machine, as 0.0.0.0 does
_RESERVED = ip_network("240.0.0.0/4")
_CLOUD = ip_address("fd00:ec2::254")  # a cloud's metadata, under an address that looks private


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, in the system's order. Raises OSError when there are none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except ValueError as error:  # impossible names; UnicodeError is one
        raise socket.gaierror(socket.EAI_NONAME, str(error)) from None
    return list(dict.fromkeys(str(item[4][0]) for item in found))


@dataclass(frozen=True)
class Network:
    """What a source, a delivery or a store may contact.

    `guarded`: as in a Job, some addresses are refused, and errors do not reveal what else is there.
    `loopback`: whether a guarded client may contact its own machine, as in trials. Tests give `resolve` and `connect`.
    """

    guarded: bool = False
    loopback: bool = False
    resolve: Callable[[str, int], Sequence[str]] = resolve
    connect: Callable[[str, int, float | None], httpcore.NetworkStream] | None = None

    def refusal(self, address: str) -> str | None:
        """Why this address may not be contacted; None if it may."""
        return refusal(address, loopback=self.loopback) if self.guarded else None


def refusal(address: str, *, loopback: bool) -> str | None:
    """Of which kind an address is that no Job may contact; None for others.

    `loopback`: loopback addresses are allowed.
    """
    try:
        found = _plain(ip_address(address.partition("%")[0]))
    except ValueError:
        return "no address"
    if found.is_loopback:
        return None if loopback else "a loopback address"
    if found.is_unspecified or found in _THIS:
        return "an unspecified address"
    if found.is_link_local or found == _CLOUD:
        return "a link-local address"
    if found.is_multicast:
        return "a multicast address"
    return "a reserved address" if found in _RESERVED else None


def is_public(address: str) -> bool:
    """Whether an address is public, so that it reveals nothing about the network that we are in."""
    try:
        return _plain(ip_address(address.partition("%")[0])).is_global
    except ValueError:
        return False


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address stands for; else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour or address
    own = address.is_loopback or address.is_unspecified
    if address in _TRANSLATED or (address in _OLD_MAPPED and not own):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
