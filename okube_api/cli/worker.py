"""One of several server processes; `okube-api serve --workers` starts it."""

import asyncio
import os
import signal
import socket
import sys

import typer
import uvicorn

from okube_api.app import create_app
from okube_api.auth.secret import load_secret_key
from okube_api.cli.runtime import run_command
from okube_api.cli.serve import AnnouncingServer, build_server_options, start_store
from okube_api.cli.workers import REFUSED
from okube_api.http.middleware.access_log import configure_logging
from okube_api.settings import Settings


async def serve_socket(descriptor: int) -> None:
    """Serve the connections of an inherited socket until SIGINT, SIGTERM, or the end of the standard input."""
    settings = Settings()
    configure_logging(settings.log_level)
    store = await start_store(settings, load_secret_key(settings))
    try:
        app = create_app(settings, store=store)
        with socket.socket(fileno=descriptor) as listening:
            host, port = listening.getsockname()[:2]
            server = AnnouncingServer(uvicorn.Config(app, **build_server_options(host, port, settings)))
            server.announce = lambda: typer.echo("ready")
            stop_at_end_of_input(server)
            await server.serve([listening])
    finally:
        if store is not None:
            await store.close()
    refusal: Exception | None = getattr(app.state, "refusal", None)
    if refusal is not None:
        raise refusal


def stop_at_end_of_input(server: AnnouncingServer) -> None:
    """Stop a server when the process that has started it closes the pipe, such as by being killed."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        if not os.read(sys.stdin.fileno(), 1):
            loop.remove_reader(sys.stdin.fileno())
            server.handle_exit(signal.SIGTERM, None)

    loop.add_reader(sys.stdin.fileno(), read)


def main(arguments: list[str]) -> None:
    """Run a worker; exit with status `REFUSED` after an error that was printed.

    arguments: the descriptor of the socket.
    """
    (descriptor,) = map(int, arguments)
    try:
        run_command(serve_socket(descriptor))
    except typer.Exit:
        sys.exit(REFUSED)


if __name__ == "__main__":
    main(sys.argv[1:])
