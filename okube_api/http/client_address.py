"""The address of a client as limits count it: clients of IPv6 have a network of addresses each."""

from ipaddress import IPv6Address, ip_address, ip_network

from starlette.requests import Request

_CLIENT_PREFIX = 64  # bits of an IPv6 address that a provider gives to one client, at least


def get_address_group(request: Request) -> str:
    """Return the group of the client's address; an empty text when the server does not know the address."""
    return group_address(request.client.host) if request.client else ""


def group_address(text: str) -> str:
    """Return an IPv4 address, or the /64 network of an IPv6 address; a port and a zone are left out.

    A text that is no address is returned as it is.
    """
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return text
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((int(address), _CLIENT_PREFIX), strict=False))
    return str(address)
