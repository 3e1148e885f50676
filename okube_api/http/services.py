"""What requests share: made once by the application, found by routes as `ServicesHere`."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from okube_api.analytics.service import Analytics
from okube_api.applications.repository import Applications
from okube_api.auth.passwords import Passwords
from okube_api.auth.sessions import Sessions
from okube_api.clock import Clock
from okube_api.pois.repository import Pois
from okube_api.settings import Settings
from okube_api.sites.repository import Sites
from okube_api.store.base import Store
from okube_api.studies.repository import Studies


@dataclass(frozen=True, slots=True)
class Services:
    """The objects behind the routes.

    secret: signs tokens and salts identifiers, at least 32 bytes.
    """

    settings: Settings
    store: Store
    clock: Clock
    secret: bytes = field(repr=False)
    passwords: Passwords
    sessions: Sessions
    applications: Applications
    sites: Sites
    studies: Studies
    analytics: Analytics


def make_services(settings: Settings, store: Store, clock: Clock, secret: bytes) -> Services:
    """The objects behind the routes, over one store."""
    passwords = Passwords()
    sites = Sites(store, clock)
    return Services(
        settings=settings,
        store=store,
        clock=clock,
        secret=secret,
        passwords=passwords,
        sessions=Sessions(store, clock, secret, passwords, settings),
        applications=Applications(store, clock),
        sites=sites,
        studies=Studies(store, clock, sites, Pois(store, clock)),
        analytics=Analytics(store, clock, settings),
    )


def services(request: Request) -> Services:
    """The application's shared objects."""
    found: Services = request.app.state.services
    return found


ServicesHere = Annotated[Services, Depends(services)]
