"""`python -m okube_api.cli.filling FOLDER [UNTIL]`: makes up a year of events in the demonstration's file."""

import os
import secrets
import sys
from datetime import date, timedelta
from pathlib import Path
from threading import Thread

import typer

from okube_api.cli.common import opened, say, told
from okube_api.cli.demonstration import LOGIN, TIMEZONE, settings_in
from okube_api.cli.draft import DRAFT, FILE
from okube_api.engine.calendar import local_day
from okube_api.http.services import Services
from okube_api.ingest.demo import Places, Step, fill


async def fill_folder(folder: Path, until: date | None) -> None:
    """Fills a draft, which takes the file's name when it is whole: what was cut short is never mistaken for it.

    until: the last day of the made-up year; yesterday when None.
    """
    _sweep(folder)
    async with opened(settings_in(folder, DRAFT)) as services:
        until = until or local_day(services.clock(), TIMEZONE) - timedelta(days=1)
        with say.status("Making up a year of events...") as status:

            def tell(step: Step) -> None:
                status.update(f"Making up a year of events: {step.application}, {step.count:,} {step.what}")

            await fill(places(services), until, tell)
        never = await services.passwords.hash(secrets.token_urlsafe(32))
        await services.sessions.users.create(LOGIN, never, platform_admin=True)
    (folder / DRAFT).rename(folder / FILE)


def _sweep(folder: Path) -> None:
    for left in folder.glob(f"{DRAFT}*"):
        left.unlink()


def places(services: Services) -> Places:
    """Where the demonstration is written to, of all there is."""
    return Places(
        services.applications,
        services.sites,
        services.pois,
        services.levers,
        services.campaigns,
        services.studies,
        services.equipments,
        services.ingest,
    )


def _end_with_parent() -> None:
    """Whoever started this holds the other end of its input: nobody else would wait for the file."""
    os.read(0, 1)
    os._exit(1)


def main() -> None:
    """Fills the folder, and says in a sentence why when it cannot."""
    Thread(target=_end_with_parent, daemon=True).start()
    folder, *until = sys.argv[1:]
    try:
        told(fill_folder)(Path(folder), date.fromisoformat(until[0]) if until else None)
    except (typer.Exit, KeyboardInterrupt):
        sys.exit(1)


if __name__ == "__main__":
    main()
