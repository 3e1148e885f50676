"""A server to look around in, on made-up data."""

import os
import secrets
from pathlib import Path

import typer

from okube_api.cli import demo_login as demonstration
from okube_api.cli.runtime import told
from okube_api.cli.demo_file import Filling
from okube_api.cli.serve import run_server
from okube_api.store.base import Store


def demo(port: int, folder: Path, filling: Filling | None) -> None:
    """The command; filling: the process to wait for, if any."""
    if filling is not None and filling.wait():
        raise typer.Exit(1)  # it has said why
    told(_demo)(port, folder)


async def _demo(port: int, folder: Path) -> None:
    password = os.environ.get("OKUBE_DEMO_PASSWORD") or secrets.token_urlsafe(12)
    settings = demonstration.settings_in(folder)
    quiet = settings if "OKUBE_LOG_LEVEL" in os.environ else settings.model_copy(update={"log_level": "warning"})

    async def ready(store: Store) -> None:
        await demonstration.let_in(store, folder, password)

    def announce(url: str) -> None:
        demonstration.screen(url, password, folder)

    await run_server(quiet, "127.0.0.1", port, announce, ready)
