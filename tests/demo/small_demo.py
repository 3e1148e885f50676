"""A small demo in the store of a server, as the command `okube-api demo` fills its own."""

from datetime import date
from pathlib import Path

from okube_api.api.container import Services
from okube_api.auth.secret import load_secret_key
from okube_api.cli.demo_login import set_login_password
from okube_api.cli.fill_demo import create_demo_users
from okube_api.demo.fill import fill_applications
from okube_api.demo.samples import create_samples
from okube_api.kit.application import Application

from tests.demo.filled_demo import get_demo_services

DAYS = 70  # the campaign of the examples starts after 60 days
PASSWORD = "bicycle harbour mint lantern"


async def fill_small_demo(services: Services, folder: Path, until: date) -> None:
    """Fill a store with 70 days of the demo; its login has the password `PASSWORD`.

    until: the last day of the events.
    """
    documents = await fill_applications(get_demo_services(services), until, scale=0.001, days=DAYS)
    applications = [document["_id"] for document in documents]
    login = await create_demo_users(services.store, load_secret_key(services.settings), applications)
    await create_samples(services.store, services.sites, Application.from_document(documents[0]), login)
    await set_login_password(services.store, folder, PASSWORD)
