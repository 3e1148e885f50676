"""What requests share: made once by the application, found by routes as `ServicesHere`."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from okube_api.analytics.service import Analytics
from okube_api.api.cascade_delete import Deletion
from okube_api.applications.repository import Applications
from okube_api.areas.repository import Areas
from okube_api.auth.passwords import Passwords
from okube_api.auth.sessions import Sessions
from okube_api.campaigns.levers import Levers
from okube_api.campaigns.repository import CAMPAIGNS, Campaigns
from okube_api.clock import Clock
from okube_api.equipments.repository import Equipments
from okube_api.http.idempotency import Idempotency
from okube_api.http.rate_limits import Limits
from okube_api.ingest.invalidation import Following
from okube_api.ingest.service import Ingest
from okube_api.kit.resource_changes import Changes
from okube_api.pois.repository import Pois
from okube_api.settings import Settings
from okube_api.sites.repository import Sites
from okube_api.sites.thumbnails import Thumbnails
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
    idempotency: Idempotency
    limits: Limits
    applications: Applications
    sites: Sites
    pois: Pois
    campaigns: Campaigns
    levers: Levers
    studies: Studies
    equipments: Equipments
    areas: Areas
    changes: Changes
    deletion: Deletion
    thumbnails: Thumbnails
    analytics: Analytics
    ingest: Ingest
    following: Following


def make_services(settings: Settings, store: Store, clock: Clock, secret: bytes) -> Services:
    """The objects behind the routes, over one store."""
    passwords = Passwords()
    changes = Changes()
    sites = Sites(store, clock, changes)
    pois = Pois(store, clock, changes, sites)
    levers = Levers(store, clock, CAMPAIGNS)
    campaigns = Campaigns(store, clock, changes, sites, levers)
    studies = Studies(store, clock, changes, sites, pois)
    equipments = Equipments(store, clock, changes)
    thumbnails = Thumbnails(store)
    ingest = Ingest(store, clock, secret, threads=settings.threads, keep_days=settings.keep_days)
    following = Following(ingest)
    changes.follow(following.follow)
    return Services(
        settings=settings,
        store=store,
        clock=clock,
        secret=secret,
        passwords=passwords,
        sessions=Sessions(store, clock, secret, passwords, settings),
        idempotency=Idempotency(store, clock, secret),
        limits=Limits(settings, store),
        applications=Applications(store, clock, changes),
        sites=sites,
        pois=pois,
        campaigns=campaigns,
        levers=levers,
        studies=studies,
        equipments=equipments,
        areas=Areas(store, clock),
        changes=changes,
        deletion=Deletion(changes, sites, pois, campaigns, studies, equipments, thumbnails),
        thumbnails=thumbnails,
        analytics=Analytics(store, clock, settings, ingest.batches.freshness),
        ingest=ingest,
        following=following,
    )


def services(request: Request) -> Services:
    """The application's shared objects."""
    found: Services = request.app.state.services
    return found


async def services_here(request: Request) -> Services:  # asynchronous, as all dependencies: others cost a thread
    """The same, for routes."""
    return services(request)


ServicesHere = Annotated[Services, Depends(services_here)]
