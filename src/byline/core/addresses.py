"""Addresses: of clients, as the server and its proxies tell them; of sites, as browsers name them."""

import ipaddress
from urllib.parse import urlsplit

from byline.core.remembered import remembered

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@remembered
def plain(address: str) -> str:
    """IPv4 written as IPv6 (`::ffff:192.0.2.1`, RFC 4291 §2.5.5.2), as a socket for both gives it, becomes IPv4."""
    try:
        mapped = ipaddress.IPv6Address(address).ipv4_mapped
    except ValueError:
        return address
    return address if mapped is None else str(mapped)


def neighbourhood(address: str | None) -> str:
    """What one customer holds: the address; of IPv6, its network of 64 bits. What is no address stays as it is."""
    try:
        parsed = ipaddress.ip_address(plain(address or ""))
    except ValueError:
        return str(address)
    if parsed.version == 6:
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)).network_address)
    return str(parsed)


def origin(url: str) -> str:
    """As browsers write it (RFC 6454 §6.2): in lower case, without a port that goes without saying."""
    parts = urlsplit(url.lower())
    return f"{parts.scheme}://{parts.netloc.removesuffix(_DEFAULT_PORTS.get(parts.scheme, ''))}"
