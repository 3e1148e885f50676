"""`python -m okube_api.cli.fill_demo FOLDER [UNTIL]`: makes up a year of events in the demonstration's file."""

import os
import secrets
import sys
from datetime import date, timedelta
from pathlib import Path
from threading import Thread

import typer

from okube_api.applications.repository import Applications
from okube_api.auth.passwords import hashed
from okube_api.auth.repository import Users
from okube_api.auth.secret import secret_key
from okube_api.campaigns.levers import Levers
from okube_api.campaigns.repository import CAMPAIGNS, Campaigns
from okube_api.cli.runtime import console, build_store, told
from okube_api.cli.demo_login import LOGIN, TIMEZONE, settings_in
from okube_api.cli.demo_file import DRAFT, FILE
from okube_api.clock import utc_now
from okube_api.demo.fill import Places, Step, fill
from okube_api.engine.calendar import local_day
from okube_api.equipments.repository import Equipments
from okube_api.ingest.service import Ingest
from okube_api.kit.resource_changes import Changes
from okube_api.pois.repository import Pois
from okube_api.sites.repository import Sites
from okube_api.store.base import Store
from okube_api.studies.repository import Studies


async def fill_folder(folder: Path, until: date | None) -> None:
    """Fills a draft, which takes the file's name when it is whole: what was cut short is never mistaken for it.

    until: the last day of the made-up year; yesterday when None.
    """
    _sweep(folder)
    settings = settings_in(folder, DRAFT)
    secret = secret_key(settings)
    store = build_store(settings)
    await store.start()
    try:
        with console.status("Making up a year of events...") as status:

            def tell(step: Step) -> None:
                status.update(f"Making up a year of events: {step.application}, {step.count:,} {step.what}")

            yesterday = local_day(utc_now(), TIMEZONE) - timedelta(days=1)
            await fill(places(store, secret, settings.threads), until or yesterday, tell)
        await Users(store, utc_now).create(LOGIN, hashed(secrets.token_urlsafe(32)), platform_admin=True)
    finally:
        await store.close()
    (folder / DRAFT).rename(folder / FILE)


def _sweep(folder: Path) -> None:
    for left in folder.glob(f"{DRAFT}*"):
        left.unlink()


def places(store: Store, secret: bytes, threads: int) -> Places:
    """Where the demonstration is written to: a server's services, without what answers."""
    changes = Changes()  # which nobody follows: there are no facts yet
    sites = Sites(store, utc_now, changes)
    pois = Pois(store, utc_now, changes, sites)
    levers = Levers(store, utc_now, CAMPAIGNS)
    return Places(
        Applications(store, utc_now, changes),
        sites,
        pois,
        levers,
        Campaigns(store, utc_now, changes, sites, levers),
        Studies(store, utc_now, changes, sites, pois),
        Equipments(store, utc_now, changes),
        Ingest(store, utc_now, secret, threads=threads),
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
