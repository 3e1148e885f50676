"""Fills the file of the demo with two years of generated events: `python -m okube_api.cli.fill_demo FOLDER [UNTIL]`."""

import os
import secrets
import sys
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
from okube_api.cli.demo_file import DRAFT, FILE
from okube_api.cli.demo_login import TIMEZONE, demo_settings
from okube_api.cli.runtime import build_store, console, run_command
from okube_api.clock import utc_now
from okube_api.demo.fill import DemoServices, FillProgress, fill_applications
from okube_api.engine.calendar import to_local_date
from okube_api.equipments.repository import EquipmentRepository
from okube_api.ingest.invalidation import Invalidation
from okube_api.ingest.service import Ingest
from okube_api.kit.creation_ids import CREATION_IDS
from okube_api.kit.demo_names import API_KEY, LOGIN, READER_LOGIN, DemoIds
from okube_api.kit.resource_changes import ChangePublisher
from okube_api.pois.repository import PoiRepository
from okube_api.sites.repository import SiteRepository
from okube_api.store.protocol import Store
from okube_api.studies.repository import StudyRepository


async def fill_folder(folder: Path, until: date | None) -> None:
    """Fill a draft file and rename it when it is complete, so that an interrupted run leaves no partial demo.

    until: the last day of the generated events; yesterday when None.
    """
    _delete_drafts(folder)
    settings = demo_settings(folder, DRAFT)
    secret = load_secret_key(settings)
    store = build_store(settings)
    await store.start()
    try:
        await claim_store(store, secret)
        with console.status("Generating two years of events...") as status:

            def show_progress(step: FillProgress) -> None:
                status.update(f"Generating two years of events: {step.application}, {step.count:,} {step.items}")

            yesterday = to_local_date(utc_now(), TIMEZONE) - timedelta(days=1)
            services = build_demo_services(store, secret, memory_limit=settings.memory_limit, threads=settings.threads)
            await Invalidation(services.ingest).request_upgrade()  # the facts will be of the current version
            documents = await fill_applications(services, until or yesterday, show_progress)
        await create_demo_users(store, secret, documents[0]["_id"])
    finally:
        await store.close()
    (folder / DRAFT).rename(folder / FILE)


async def create_demo_users(store: Store, secret: bytes, application: str) -> None:
    """Create the login of the demo with an API key, and a reader of an application (an id); no one has a password."""
    users = UserRepository(store, utc_now)
    login = await users.create(LOGIN, hash_password(secrets.token_urlsafe(32)), platform_admin=True)
    await users.create(READER_LOGIN, hash_password(secrets.token_urlsafe(32)), roles={application: Role.READER})
    token = CREATION_IDS.set(DemoIds([API_KEY]))
    try:  # the key itself is not printed, and becomes invalid when the login gets its password: it can only be revoked
        await ApiKeyRepository(store, utc_now, Signer(secret)).create(User.from_document(login), {"name": API_KEY})
    finally:
        CREATION_IDS.reset(token)


def _delete_drafts(folder: Path) -> None:
    for path in folder.glob(f"{DRAFT}*"):  # the log of the database, too
        path.unlink()


def build_demo_services(store: Store, secret: bytes, *, memory_limit: str, threads: int) -> DemoServices:
    """Return the repositories and the ingest that the demo is written with.

    These are wired as in `api/container.py`, but without importing it: that module imports FastAPI and all that
    answers requests, which this process would load for nothing (see `tests/test_start.py`).
    """
    changes = ChangePublisher()  # without a listener: there are no facts to invalidate yet
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
    folder, *until = sys.argv[1:]
    try:
        run_command(fill_folder(Path(folder), date.fromisoformat(until[0]) if until else None))
    except (typer.Exit, KeyboardInterrupt):
        sys.exit(1)


if __name__ == "__main__":
    main()
