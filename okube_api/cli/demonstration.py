"""The demonstration: an embedded store filled with a year of made-up events, and a login to look around with."""

import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console

from okube_api.auth.secret import secret_key
from okube_api.clock import utc_now
from okube_api.engine.calendar import local_day
from okube_api.http.services import Services, make_services
from okube_api.ingest.demo import Places, Step, fill
from okube_api.schema import SCHEMA
from okube_api.settings import Settings
from okube_api.store import EMBEDDED, open_store

LOGIN = "demo@okube.example"
TIMEZONE = "Europe/Paris"
FILE, DRAFT = "okube.duckdb", "filling.duckdb"
_SCREEN = """
  The demonstration is ready.

    address    {url}
    try it     {url}/docs   (Authorize, then Try it out)
    login      {login}
    password   {password}

  A first question:

    TOKEN=$(curl -s {url}/auth/login -d login={login} --data-urlencode 'password={password}' |
            python3 -c 'import json, sys; print(json.load(sys.stdin)["auth"]["token"])')
    curl -s '{url}/applications/{key}/studies/all/geo-marketing/analytics' \\
         -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
         -d '{{"params": [{{"kpi": "uniqUsers", "granularity": "week"}}]}}'

  Data lives in {folder}; Ctrl+C stops the server.

"""


def settings_in(folder: Path, file: str = FILE) -> Settings:
    """The settings of the environment, on an embedded store in a folder."""
    return Settings(store_url=f"{EMBEDDED}{folder / file}")


async def prepare(folder: Path, until: date | None, password: str | None, say: Console) -> str:
    """Fills the folder's store unless it is filled, and gives the password of the login.

    until: the last day of the made-up year; yesterday when None.  password: one is made up when None.
    Raises ValueError when the file holds something else, and StoreLocked while a server has it open.
    """
    password = password or secrets.token_urlsafe(12)
    if not (folder / FILE).exists():
        await _fill(folder, until, say)
    async with _services(folder, FILE) as services:
        kept = await services.passwords.hash(password)
        if (user := await services.sessions.users.by_login(LOGIN)) is None:
            raise ValueError(
                f"{folder / FILE} holds data that is not the demonstration's: it stays as it is. "
                "Serve it with `okube-api serve`, or give the demonstration a --folder of its own."
            )
        await services.sessions.users.set_password(user, kept)
    return password


async def _fill(folder: Path, until: date | None, say: Console) -> None:
    """Fills a draft, which takes the file's name when it is whole: what was cut short is never mistaken for it."""
    _sweep(folder)
    async with _services(folder, DRAFT) as services:
        until = until or local_day(services.clock(), TIMEZONE) - timedelta(days=1)
        with say.status("Making up a year of events...") as status:

            def tell(step: Step) -> None:
                status.update(f"Making up a year of events: {step.application}, {step.count:,} {step.what}")

            await fill(_places(services), until, tell)
        never = await services.passwords.hash(secrets.token_urlsafe(32))
        await services.sessions.users.create(LOGIN, never, platform_admin=True)
    (folder / DRAFT).rename(folder / FILE)


def _sweep(folder: Path) -> None:
    for left in folder.glob(f"{DRAFT}*"):
        left.unlink()


def _places(services: Services) -> Places:
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


@asynccontextmanager
async def _services(folder: Path, file: str) -> AsyncIterator[Services]:
    settings = settings_in(folder, file)
    secret = secret_key(settings)
    store = open_store(settings.store_url, SCHEMA, memory_limit=settings.memory_limit, threads=settings.threads)
    await store.start()
    try:
        yield make_services(settings, store, utc_now, secret)
    finally:
        await store.close()


def screen(url: str, password: str, folder: Path) -> None:
    """Prints where the demonstration is and how to log in."""
    sys.stdout.write(_SCREEN.format(url=url, login=LOGIN, password=password, key="maison-lumen", folder=folder))
    sys.stdout.flush()
