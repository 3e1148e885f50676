"""The socket and the event loop of a server."""

import asyncio
import os
import socket

_BACKLOG = 2048


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop: uvloop, which needs less CPU for short requests, or that of asyncio without uvloop."""
    try:
        import uvloop  # noqa: PLC0415 - not available on every platform
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address; port 0 takes any free port.

    Raise ValueError when the address cannot be used; uvicorn would end the process instead.
    """
    listening = bind(host, port)
    try:
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise _cannot_listen(host, port, error) from None
    return listening


def bind(host: str, port: int) -> socket.socket:
    """Return a socket of an address that does not listen yet: connections are refused until it does.

    With it, a command finds out that a port is taken before its work.
    Raise ValueError when the address cannot be used.
    """
    is_ipv6 = ":" in host
    bound = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere, the option allows to take a port that is in use
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_ipv6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
        # Connections inherit the option. Without it, the second packet of an answer waits 40 ms for the acknowledgement
        # of the first.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        bound.close()
        raise _cannot_listen(host, port, error) from None
    return bound


def _cannot_listen(host: str, port: int, error: OSError) -> ValueError:
    return ValueError(f"Cannot listen on {host} port {port}: {error.strerror}. Try another --port.")
