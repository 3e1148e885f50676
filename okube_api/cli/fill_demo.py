"""Fills the file of the demo with generated events until a day: `python -m okube_api.cli.fill_demo FOLDER UNTIL`.

A new file gets two years of events, an existing one those of the days that it lacks.
"""

import os
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from threading import Thread

import typer

from okube_api.applications.repository import ApplicationRepository
from okube_api.auth.keys import ApiKeyRepository
from okube_api.auth.passwords import hash_password
from okube_api.auth.repository import Role, User, UserRepository
from okube_api.auth.secret import load_secret_key
from okube_api.auth.secret_fingerprint import claim_store
from okube_api.auth.tokens import Signer
from okube_api.campaigns.levers import LeverRepository
from okube_api.campaigns.repository import CAMPAIGNS, CampaignRepository
from okube_api.cli.demo_file import DRAFT, FILE, DemoDays, read_days, write_days
from okube_api.cli.demo_login import demo_settings
from okube_api.cli.runtime import build_store, console, run_command
from okube_api.clock import utc_now
from okube_api.demo.fill import DemoServices, FillProgress, ProgressListener, add_days, fill_applications
from okube_api.demo.generator.world import DAYS
from okube_api.demo.samples import create_samples
from okube_api.equipments.repository import EquipmentRepository
from okube_api.ingest.invalidation import Invalidation
from okube_api.ingest.service import Ingest
from okube_api.kit.application import Application
from okube_api.kit.creation_ids import CREATION_IDS
from okube_api.kit.demo_names import API_KEY, LOGIN, READER_LOGIN, DemoIds
from okube_api.kit.resource_changes import ChangePublisher
from okube_api.pois.repository import PoiRepository
from okube_api.sites.repository import SiteRepository
from okube_api.store.protocol import Store
from okube_api.studies.repository import StudyRepository


async def fill_folder(folder: Path, until: date) -> None:
    """Fill a draft file and rename it when it is complete, so that an interrupted run leaves no partial demo.

    until: the last day of the generated events.
    """
    _delete_drafts(folder)
    async with _open_demo(folder, DRAFT, "Generating two years of events") as demo:
        documents = await fill_applications(demo.services, until, demo.show_progress)
        login = await create_demo_users(demo.store, demo.secret, [document["_id"] for document in documents])
        await create_samples(demo.store, demo.services.sites, Application.from_document(documents[0]), login)
    write_days(folder, DemoDays(until - timedelta(days=DAYS - 1), until))
    (folder / DRAFT).rename(folder / FILE)


async def add_days_to_folder(folder: Path, days: DemoDays, until: date) -> None:
    """Add the events of the days after the last one of a demo."""
    missing = (until - days.last).days
    title = f"Adding the events of {missing} days" if missing > 1 else f"Adding the events of {until}"
    async with _open_demo(folder, FILE, title) as demo:
        since = days.last + timedelta(days=1)
        await add_days(demo.services, days.first, since, until, on_progress=demo.show_progress)
    write_days(folder, DemoDays(days.first, until))


@dataclass(frozen=True, slots=True)
class OpenDemo:
    """The opened file of a demo.  show_progress: shows each step on the terminal."""

    store: Store
    secret: bytes = field(repr=False)
    services: DemoServices
    show_progress: ProgressListener


@asynccontextmanager
async def _open_demo(folder: Path, file: str, title: str) -> AsyncIterator[OpenDemo]:
    """Open a file of a demo; close it at the end.  title: of the work, shown with its progress."""
    settings = demo_settings(folder, file)
    secret = load_secret_key(settings)
    store = build_store(settings)
    await store.start()
    try:
        await claim_store(store, secret)
        with console.status(f"{title}...") as status:

            def show_progress(step: FillProgress) -> None:
                status.update(f"{title}: {step.application}, {step.count:,} {step.items}")

            services = build_demo_services(store, secret, memory_limit=settings.memory_limit, threads=settings.threads)
            await Invalidation(services.ingest).request_upgrade()  # the facts of a new file are of the current version
            yield OpenDemo(store, secret, services, show_progress)
    finally:
        await store.close()


async def create_demo_users(store: Store, secret: bytes, applications: Sequence[str]) -> str:
    """Create the login of the demo with an API key, and a reader of the first application; no one has a password.

    Return the id of the login.
    applications: ids of those of the demo.  The login administers them and no others.
    """
    users = UserRepository(store, utc_now)
    roles = dict.fromkeys(applications, Role.ADMIN)
    login = await users.create(LOGIN, hash_password(secrets.token_urlsafe(32)), roles=roles)
    roles = {applications[0]: Role.READER}
    await users.create(READER_LOGIN, hash_password(secrets.token_urlsafe(32)), roles=roles)
    token = CREATION_IDS.set(DemoIds([API_KEY]))
    try:  # the key itself is not printed, and becomes invalid when the login gets its password: it can only be revoked
        await ApiKeyRepository(store, utc_now, Signer(secret)).create(User.from_document(login), {"name": API_KEY})
    finally:
        CREATION_IDS.reset(token)
    login_id: str = login["_id"]
    return login_id


def _delete_drafts(folder: Path) -> None:
    for path in folder.glob(f"{DRAFT}*"):  # the log of the database, too
        path.unlink()


def build_demo_services(store: Store, secret: bytes, *, memory_limit: str, threads: int) -> DemoServices:
    """Return the repositories and the ingest that the demo is written with.

    These are wired as in `api/container.py`, but without importing it: that module imports FastAPI and all that
    answers requests, which this process would load for nothing (see `tests/test_start.py`).
    """
    changes = ChangePublisher()  # without a listener: no facts depend on the resources that are created
    sites = SiteRepository(store, utc_now, changes)
    pois = PoiRepository(store, utc_now, changes, sites)
    levers = LeverRepository(store, utc_now, CAMPAIGNS)
    return DemoServices(
        ApplicationRepository(store, utc_now, changes),
        sites,
        pois,
        levers,
        CampaignRepository(store, utc_now, changes, sites, levers),
        StudyRepository(store, utc_now, changes, sites, pois),
        EquipmentRepository(store, utc_now, changes),
        Ingest(store, utc_now, secret, memory_limit=memory_limit, threads=threads),
    )


def _end_with_parent() -> None:
    """Exit when the parent process closes its end of the standard input, that is, when it has ended."""
    os.read(0, 1)
    os._exit(1)


def main() -> None:
    """Fill the folder that the arguments name."""
    Thread(target=_end_with_parent, daemon=True).start()
    folder, until = Path(sys.argv[1]), date.fromisoformat(sys.argv[2])
    days = read_days(folder) if (folder / FILE).exists() else None
    try:
        work = fill_folder(folder, until) if days is None else add_days_to_folder(folder, days, until)
        run_command(work, warns_of_variables=False)
    except (typer.Exit, KeyboardInterrupt):
        sys.exit(1)


if __name__ == "__main__":
    main()
