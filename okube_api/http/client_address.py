"""The address of a client as limits count it: clients of IPv6 have a network of addresses each."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.requests import Request

_CLIENT_PREFIX = 64  # bits of an IPv6 address that a provider gives to one client, at least


def get_address_group(request: Request) -> str:
    """Return the group of the client's address; an empty text when the server does not know the address."""
    return group_address(request.client.host) if request.client else ""


def group_address(text: str) -> str:
    """Return an IPv4 address, or the /64 network of an IPv6 address; a port and a zone are left out.

    A text that is no address is returned as it is.
    """
    address = parse_address(text)
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address), _CLIENT_PREFIX), strict=False))
    return text if address is None else str(address)


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address without its port and zone, an IPv4 address within IPv6 as such; None for any other text."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
