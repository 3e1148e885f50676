"""A server to look around in, on made-up data."""

import os
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from okube_api.cli import demonstration
from okube_api.cli.common import say, told
from okube_api.cli.serve import Port, run_server


def demo(
    port: Port = 8000,
    folder: Annotated[Path, typer.Option(file_okay=False, help="Where its data lives.")] = Path("okube-data"),
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The last day of the made-up year; yesterday if absent."),
    ] = None,
) -> None:
    """Serves a year of made-up data: two retailers, 40 shops, 30 campaigns.

    The data is made up when the folder has none, and kept. The login is demo@okube.example; its password is
    OKUBE_DEMO_PASSWORD, or made up at each start and printed.
    """
    told(_demo)(port, folder, until.date() if until else None)


async def _demo(port: int, folder: Path, until: date | None) -> None:
    password = await demonstration.prepare(folder, until, os.environ.get("OKUBE_DEMO_PASSWORD"), say)
    settings = demonstration.settings_in(folder)
    quiet = settings if "OKUBE_LOG_LEVEL" in os.environ else settings.model_copy(update={"log_level": "warning"})
    await run_server(quiet, "127.0.0.1", port, lambda url: demonstration.screen(url, password, folder))
