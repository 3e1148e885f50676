"""The socket and the event loop of a server."""

import asyncio
import socket


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
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ValueError(f"cannot listen on {host} port {port}: {error.strerror}. Try another --port.") from None
    # Connections inherit the option. Without it, the second packet of an answer waits 40 ms for the acknowledgement of
    # the first.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
