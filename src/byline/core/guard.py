"""May a request go where an address leads that a user gave? Only out into the world, never into our own network.

A name is looked up once. If any address that it stands for is not a public one, it is refused; else the request goes
to these very addresses, so that no second look-up can tell something else (DNS rebinding). Networks are those of
IANA's registries of special-purpose addresses (RFC 6890), written out: what Python takes for global differs by version.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses, as text, of a name and a port. Raises OSError."""

LONGEST = 2000  # characters of an address

NOT_PUBLIC = [
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared: carriers, and the metadata of some clouds
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # public by its number; on Azure the host of the machine
        "169.254.0.0/16",  # link-local: the metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
]

# All that is assigned of IPv6. Loopback, unique local, link-local, site-local, multicast lie outside, and so do
# IPv4-compatible addresses.
_UNICAST = ip_network("2000::/3")

_HOST = re.compile(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+")  # of IPv6 without a zone: those are of this machine's links

# Each carries an IPv4 address in its last 32 bits, which is where the request would end up (RFC 4291 §2.5.5.2, 6052).
_IPV4_WITHIN = [ip_network("::ffff:0:0/96"), ip_network("64:ff9b::/96")]


class AddressRefused(ValueError):
    """Says why without a word about what is inside: whoever gave the address may read it."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. `url` has an address in place of the name, which TLS and the `Host` header still have."""

    url: httpx.URL
    host: str
    name: str


async def look_up(host: str, port: int) -> Sequence[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True, slots=True)
class Guard:
    """`allowed` are networks inside that the operator opens."""

    allowed: Sequence[Network] = ()
    resolve: Resolver = look_up

    async def targets(self, url: str) -> list[Target]:
        """One for each address, to be tried in this order. Raises AddressRefused, OSError."""
        parsed = self.check(url)
        name, port = _name(parsed), _port(parsed)
        addresses = [_parse(found) for found in await self.resolve(name, port)]
        if not addresses or not all(self._may(address) for address in addresses):
            raise AddressRefused("the address leads to a host that is not public")
        host = parsed.netloc.decode("ascii")
        return [Target(parsed.copy_with(host=str(address)), host, name.rstrip(".")) for address in addresses]

    def check(self, url: str) -> httpx.URL:
        """What can be said without a look-up: the form, the port, and an address that stands there as a number, in any
        of the ways that the system reads (`127.1`, `0x7f000001`, `2130706433`). Raises AddressRefused.
        """
        if len(url) > LONGEST or "\\" in url or any(character.isspace() for character in url):
            raise AddressRefused("is not an address")
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise AddressRefused("is not an address") from error
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise AddressRefused("must be an http or https address")
        if not _HOST.fullmatch(_name(parsed)):
            raise AddressRefused("is not an address")
        if parsed.userinfo or "#" in url:
            raise AddressRefused("must have no user, no password and no fragment")
        port = _port(parsed)
        if port not in {80, 443} and not 1024 <= port <= 65535:  # no talking to mail servers and the like
            raise AddressRefused("must have the port 80, 443, or one from 1024 on")
        for address in _numeric(_name(parsed), port):
            if not self._may(address):
                raise AddressRefused("the address leads to a host that is not public")
        return parsed

    def _may(self, address: Address) -> bool:
        if address.version == 6 and any(address in network for network in _IPV4_WITHIN):
            address = IPv4Address(int(address) & 0xFFFFFFFF)
        if any(address in network for network in self.allowed):
            return True
        if address.version == 6 and (address.scope_id is not None or address not in _UNICAST):
            return False
        return not any(address in network for network in NOT_PUBLIC)


def _name(url: httpx.URL) -> str:
    """As it is looked up: in ASCII (IDNA), without the brackets of IPv6."""
    return url.raw_host.decode("ascii")


def _port(url: httpx.URL) -> int:
    return url.port if url.port is not None else {"http": 80, "https": 443}[url.scheme]


def _numeric(name: str, port: int) -> list[Address]:
    """The address that the name itself is, read as the system reads it, without asking anybody; none for a name."""
    try:
        found = socket.getaddrinfo(name.rstrip("."), port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []
    return [_parse(str(address[0])) for *_, address in found]


def _parse(address: str) -> Address:
    try:
        return ip_address(address)
    except ValueError as error:
        raise AddressRefused("the name stands for something that is no address") from error
