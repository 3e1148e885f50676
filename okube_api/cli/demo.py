"""A server to look around in, on made-up data."""

import asyncio
import os
from datetime import date
from importlib import import_module
from pathlib import Path

from okube_api.cli import demonstration
from okube_api.cli.common import say, told


def demo(port: int, folder: Path, until: date | None) -> None:
    """The command."""
    told(_demo)(port, folder, until)


async def _demo(port: int, folder: Path, until: date | None) -> None:
    routes = asyncio.create_task(asyncio.to_thread(import_module, "okube_api.app"))  # while the data is made up
    password = await demonstration.prepare(folder, until, os.environ.get("OKUBE_DEMO_PASSWORD"), say)
    await routes
    from okube_api.cli.serve import run_server  # noqa: PLC0415 - imports the routes

    settings = demonstration.settings_in(folder)
    quiet = settings if "OKUBE_LOG_LEVEL" in os.environ else settings.model_copy(update={"log_level": "warning"})
    await run_server(quiet, "127.0.0.1", port, lambda url: demonstration.screen(url, password, folder))
