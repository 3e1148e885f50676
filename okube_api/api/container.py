"""The objects that requests share: built once by the application, injected into routes as `ServicesDep`."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from okube_api.analytics.service import Analytics
from okube_api.api.application_deletion import ApplicationDeletion, plan_passes
from okube_api.api.cascade_delete import CascadeDelete
from okube_api.api.question_work import QuestionWork
from okube_api.applications.repository import ApplicationRepository
from okube_api.areas.repository import AreaRepository
from okube_api.auth.first_administrator import FirstAdministrator
from okube_api.auth.invitations import Invitations
from okube_api.auth.passwords import Passwords
from okube_api.auth.sessions import LoginSessions
from okube_api.campaigns.levers import LeverRepository
from okube_api.campaigns.repository import CAMPAIGNS, CampaignRepository
from okube_api.clock import Clock
from okube_api.equipments.repository import EquipmentRepository
from okube_api.http.idempotency import Idempotency
from okube_api.http.rate_limits import RateLimits
from okube_api.ingest.invalidation import Invalidation
from okube_api.ingest.raw.ping_days import has_pings
from okube_api.ingest.service import Ingest
from okube_api.jobs.ends import JobEnds
from okube_api.jobs.repository import JobRepository
from okube_api.jobs.results import JobResults
from okube_api.jobs.runner import JobRunner
from okube_api.kit.resource_changes import ChangePublisher
from okube_api.pois.repository import PoiRepository
from okube_api.settings import Settings
from okube_api.sites.repository import SiteRepository
from okube_api.sites.thumbnails import ThumbnailStore
from okube_api.store.protocol import Store
from okube_api.studies.repository import StudyRepository
from okube_api.views.repository import ViewRepository


@dataclass(frozen=True, slots=True)
class Services:
    """The objects that requests share.

    secret: signs tokens and pseudonymises identifiers; at least 32 bytes.
    """

    settings: Settings
    store: Store
    clock: Clock
    secret: bytes = field(repr=False)
    passwords: Passwords
    sessions: LoginSessions
    invitations: Invitations
    first_administrator: FirstAdministrator
    idempotency: Idempotency
    rate_limits: RateLimits
    applications: ApplicationRepository
    sites: SiteRepository
    pois: PoiRepository
    campaigns: CampaignRepository
    levers: LeverRepository
    studies: StudyRepository
    equipments: EquipmentRepository
    areas: AreaRepository
    views: ViewRepository
    changes: ChangePublisher
    cascade_delete: CascadeDelete
    thumbnails: ThumbnailStore
    analytics: Analytics
    ingest: Ingest
    invalidation: Invalidation
    jobs: JobRepository
    job_results: JobResults
    job_runner: JobRunner
    job_ends: JobEnds
    deletion: ApplicationDeletion


def build_services(settings: Settings, store: Store, clock: Clock, secret: bytes) -> Services:
    """Build the services over one store."""
    passwords = Passwords()
    changes = ChangePublisher()
    sites = SiteRepository(store, clock, changes, (PoiRepository,))
    pois = PoiRepository(store, clock, changes, sites)
    levers = LeverRepository(store, clock, CAMPAIGNS)
    campaigns = CampaignRepository(store, clock, changes, sites, levers)
    studies = StudyRepository(store, clock, changes, sites, pois)
    equipments = EquipmentRepository(store, clock, changes)
    thumbnails = ThumbnailStore(store)
    ingest = Ingest(
        store,
        clock,
        secret,
        memory_limit=settings.memory_limit,
        threads=settings.threads,
        keep_days=settings.keep_days,
        most_rejected=settings.rejected_lines,
        process_memory_mb=settings.process_memory_mb,
    )
    invalidation = Invalidation(ingest)
    changes.subscribe(invalidation.invalidate)
    sessions = LoginSessions(store, clock, secret, passwords, settings)
    applications = ApplicationRepository(store, clock, changes)
    analytics = Analytics(
        store,
        clock,
        settings,
        freshness=ingest.batches.read_freshness,
        is_stale=invalidation.is_stale,
        has_pings=has_pings,
    )
    deletion = ApplicationDeletion(
        store,
        clock,
        plan_passes(store, settings.query_timeout_s),
        applications=applications,
        users=sessions.users,
        keys=sessions.keys,
        caches=(ingest, store, analytics.answer_cache),
    )
    jobs, job_results = JobRepository(store, clock), JobResults(store, clock)
    work = QuestionWork(analytics, applications, sites, studies, sessions.users, timeout_s=settings.job_timeout_s)
    return Services(
        settings=settings,
        store=store,
        clock=clock,
        secret=secret,
        passwords=passwords,
        sessions=sessions,
        invitations=Invitations(
            store, clock, sessions, passwords, settings, match_not_deleted=applications.match_not_deleted
        ),
        first_administrator=FirstAdministrator(store, clock, sessions.users),
        idempotency=Idempotency(store, clock, secret),
        rate_limits=RateLimits(settings, store),
        applications=applications,
        sites=sites,
        pois=pois,
        campaigns=campaigns,
        levers=levers,
        studies=studies,
        equipments=equipments,
        areas=AreaRepository(store, clock),
        views=ViewRepository(store, clock),
        changes=changes,
        cascade_delete=CascadeDelete(changes, sites, pois, campaigns, studies, equipments, thumbnails),
        thumbnails=thumbnails,
        analytics=analytics,
        ingest=ingest,
        invalidation=invalidation,
        jobs=jobs,
        job_results=job_results,
        job_runner=JobRunner(jobs, job_results, work, most_bytes=settings.job_results_mb * 2**20),
        job_ends=JobEnds(jobs),
        deletion=deletion,
    )


def get_services(request: Request) -> Services:
    """Return the services of the application that answers a request."""
    services: Services = request.app.state.services
    return services


async def provide_services(request: Request) -> Services:  # async: FastAPI runs others in a thread
    """Return the services, as a dependency."""
    return get_services(request)


ServicesDep = Annotated[Services, Depends(provide_services)]
