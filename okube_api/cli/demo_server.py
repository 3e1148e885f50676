"""Serves the demo: a server on generated data."""

import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import typer

from okube_api.auth.passwords import WeakPassword, require_strong_password
from okube_api.cli.demo_file import FILE, FillProcess, compute_last_day, read_days
from okube_api.cli.demo_login import demo_settings, print_welcome, set_login_password
from okube_api.cli.runtime import echo, fail, run_command
from okube_api.cli.serve import run_server
from okube_api.kit.demo_names import LOGIN
from okube_api.store.protocol import Store

_EARLIER_FOLDER = Path("okube-data")


def serve_demo(bound: socket.socket, folder: Path, fill_process: FillProcess | None) -> None:
    """Wait for the process that fills the file, if any, then serve the file."""
    own_password = os.environ.get("OKUBE_DEMO_PASSWORD")
    password = own_password or secrets.token_urlsafe(12)
    try:
        require_strong_password(password, LOGIN)
    except WeakPassword as error:
        fail(f"OKUBE_DEMO_PASSWORD: {error.detail}")
    if fill_process is not None and folder != _EARLIER_FOLDER and (_EARLIER_FOLDER / FILE).exists():
        echo(
            f"Note: earlier versions kept the demo in {_EARLIER_FOLDER}, which is now for your own data only and is "
            "left as it is. `okube-api serve` says whether it has an earlier demo."
        )
    if fill_process is not None and fill_process.wait():
        raise typer.Exit(1)  # the process has printed the reason
    run_command(_serve(bound, folder, password, is_public=not own_password))


async def _serve(bound: socket.socket, folder: Path, password: str, *, is_public: bool) -> None:
    """Serve the file of a folder.

    is_public: whether `/docs` shows the password: one that was chosen for this start, not one of the environment.
    """
    settings = demo_settings(folder)
    if "OKUBE_LOG_LEVEL" not in os.environ:
        settings = settings.model_copy(update={"log_level": "warning"})

    @asynccontextmanager
    async def set_password(store: Store) -> AsyncIterator[None]:
        await set_login_password(store, folder, password)
        yield

    def announce(url: str) -> None:
        days = read_days(folder)
        print_welcome(url, password, folder, days.last if days else compute_last_day())

    shown_password = password if is_public else None
    await run_server(settings, bound, announce, set_password, demo_password=shown_password)
