"""Which addresses a source may contact, and how a name becomes one. Decides only; the client's network backend connects.

A Job runs inside the cluster's network with an address that somebody wrote into a connection. Without a limit it could
be sent to the node's own services or to the metadata of a cloud.
"""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import httpcore

_TRANSLATED = IPv6Network("64:ff9b::/96")  # NAT64: the last 32 bits are an IPv4 address
_OLD_MAPPED = IPv6Network("::/96")  # IPv4-compatible, as it was long ago
_THIS = ip_network("0.0.0.0/8")  # reaches the machine itself, as 0.0.0.0 does
_RESERVED = ip_network("240.0.0.0/4")
_CLOUD = ip_address("fd00:ec2::254")  # metadata of a cloud, under an address that looks private


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, in the system's order. Raises OSError when there are none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except ValueError as error:  # a name that none can be: UnicodeError among them
        raise socket.gaierror(socket.EAI_NONAME, str(error)) from None
    return list(dict.fromkeys(str(item[4][0]) for item in found))


@dataclass(frozen=True)
class Network:
    """`guarded`: as in a Job, where some addresses are refused and errors do not tell what else is in the network.

    `loopback`: whether a guarded client may contact its own machine, as trials do. `resolve` and `connect` are given by
    tests.
    """

    guarded: bool = False
    loopback: bool = False
    resolve: Callable[[str, int], Sequence[str]] = resolve
    connect: Callable[[str, int, float | None], httpcore.NetworkStream] | None = None

    def refusal(self, address: str) -> str | None:
        """Why this address may not be contacted; None when it may."""
        return refusal(address, loopback=self.loopback) if self.guarded else None


def refusal(address: str, *, loopback: bool) -> str | None:
    """What kind of address it is that no Job may contact; None for all others. `loopback`: these may be contacted."""
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
    """Whether an address is one of the internet, which says nothing of the network that we are in."""
    try:
        return _plain(ip_address(address.partition("%")[0])).is_global
    except ValueError:
        return False


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour or address
    own = address.is_loopback or address.is_unspecified
    if address in _TRANSLATED or (address in _OLD_MAPPED and not own):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
