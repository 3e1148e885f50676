"""The application: routers, middleware, the error handler, and the services that live as long as the server."""

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import structlog
from anyio import CapacityLimiter
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp
from starlette_compress import CompressMiddleware

from okube_api import CONTRACT_VERSION
from okube_api.analytics.warming import SAVE_INTERVAL_S, ColumnWarming
from okube_api.api.container import Services, build_services
from okube_api.api.docs_pages import build_documentation_routes
from okube_api.api.explorer_pages import EXPLORER, build_explorer_routes
from okube_api.api.manual_pages import MANUAL, build_manual_routes
from okube_api.api.openapi import build_document
from okube_api.api.repeated_questions import RepeatedQuestions
from okube_api.api.routes import (
    accounts,
    analytics,
    applications,
    areas,
    auth,
    backup,
    campaigns,
    equipments,
    events,
    files,
    health,
    jobs,
    levers,
    pois,
    sites,
    studies,
    thumbnails,
    users,
    views,
)
from okube_api.api.server_metrics import StoreFigures
from okube_api.auth.secret import BadSecret, load_secret_key
from okube_api.auth.secret_fingerprint import claim_store
from okube_api.backup.stream import BackupSlot
from okube_api.clock import Clock, utc_now
from okube_api.errors import Refusal
from okube_api.http.metrics import Metrics
from okube_api.http.middleware.access_log import AccessLog, answer_bug
from okube_api.http.middleware.cross_origin import mark_cross_origin
from okube_api.http.middleware.head import HeadRequests
from okube_api.http.middleware.hosts import AllowedHosts
from okube_api.http.middleware.path_segments import PathSegments
from okube_api.http.middleware.proxy import ProxyHeaders, parse_networks
from okube_api.http.problems import handle_error
from okube_api.http.routing.route_index import RouteIndex
from okube_api.settings import Settings
from okube_api.store import open_store
from okube_api.store.errors import StoreError, Unavailable
from okube_api.store.protocol import Store
from okube_api.store.values import Json
from okube_api.store_schema import SCHEMA

ROUTERS: tuple[APIRouter, ...] = (
    auth.login_router,
    auth.public_router,
    auth.account_router,
    auth.key_router,
    applications.router,
    users.router,
    thumbnails.router,  # before the sites: its routes match only bodies of several parts
    sites.router,
    equipments.router,
    areas.router,
    pois.router,
    campaigns.router,
    levers.router,
    backup.router,
    accounts.router,
    studies.router,
    views.router,
    analytics.router,
    jobs.router,
    events.file_router,
    files.router,
    events.router,
    health.router,
)

RETENTION_INTERVAL_S = 3600.0  # between two removals of events that are older than the retention period
RESUME_INTERVAL_S = 5.0  # between two searches for interrupted work of the ingest
RETRY_INTERVAL_S = 1.0  # between two attempts to reach a database that did not answer when the server started

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

log = structlog.stdlib.get_logger("okube")


def create_app(
    settings: Settings | None = None,
    *,
    store: Store | None = None,
    clock: Clock = utc_now,
    explorer_folder: Path = EXPLORER,
    manual_folder: Path = MANUAL,
) -> FastAPI:
    """Return the application, which connects to nothing before it is started.

    store: a store that the caller has started and will close; if absent, the one of `settings.store_url`.
    explorer_folder: of the built explorer.
    manual_folder: of the built manual.
    """
    settings = settings or Settings()
    app = OkubeApp(
        title="okube-api",
        version=CONTRACT_VERSION,
        lifespan=_lifespan(settings, store, clock),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Its spans and logs would have values of requests, and exporters could be set by variables that we do not name.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.metrics, app.state.store_figures = Metrics(), StoreFigures()
    app.state.body_limiter = CapacityLimiter(1)
    app.state.stopping = asyncio.Event()  # set when the server begins to stop: requests should not wait any longer
    app.state.backup_slot = BackupSlot(SCHEMA)
    if settings.explorer:  # before the routes of the API, which have some of its paths
        app.router.routes.extend(build_explorer_routes(explorer_folder, has_manual=settings.manual))
    for router in ROUTERS:  # not `include_router`, which costs every request a second look-up
        app.router.routes.extend(router.routes)
    app.router.routes.extend(build_documentation_routes(app, settings.docs))
    if settings.manual:
        app.router.routes.extend(build_manual_routes(manual_folder))
    for error in (Refusal, RequestValidationError, HTTPException, StoreError, ClientDisconnect):
        app.add_exception_handler(error, handle_error)
    app.add_middleware(CompressMiddleware)  # the innermost: each middleware wraps those added before it
    app.add_middleware(HeadRequests)
    app.add_middleware(PathSegments)
    app.add_middleware(AllowedHosts, hosts=settings.allowed_hosts, require_https=settings.require_https)
    app.add_middleware(
        ProxyHeaders,
        proxies=parse_networks(settings.trusted_proxies),
        require_https=settings.require_https,
        reads_forwarded=settings.proxy_headers == "forwarded",
        loopback=parse_networks(settings.loopback_networks),
    )
    app.add_middleware(RepeatedQuestions)
    bug_answer: ASGIApp = answer_bug
    if settings.allowed_origins:  # outside of all that can refuse a request, so that pages can read refusals, too
        app.add_middleware(mark_cross_origin, origins=settings.allowed_origins)
        bug_answer = mark_cross_origin(bug_answer, settings.allowed_origins)
    app.add_middleware(
        AccessLog, metrics=app.state.metrics, bug_answer=bug_answer, require_https=settings.require_https
    )
    app.router.middleware_stack = RouteIndex(app.router)
    return app


class OkubeApp(FastAPI):
    """FastAPI with an OpenAPI document of our own."""

    def openapi(self) -> Json:
        """Return the OpenAPI document, which is built once."""
        if self.openapi_schema is None:
            self.openapi_schema = build_document(self)
        return self.openapi_schema


_GC_THRESHOLDS = (50_000, 20, 100)
"""When garbage is collected.  With Python's thresholds, half of the time of an export or import is spent on it: each
block has thousands of new dicts and lists, none of which is garbage yet."""


_SWITCH_S = 0.0005
"""After how long a thread gives up the interpreter to one that waits for it.  The ingest has thousands of short calls
that release it; with Python's 5 ms each of them waits so long for the questions on the event loop."""


def _lifespan(settings: Settings, started_store: Store | None, clock: Clock) -> Lifespan:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        secret = load_secret_key(settings)
        async with AsyncExitStack() as closing:
            closing.callback(gc.set_threshold, *gc.get_threshold())
            gc.set_threshold(*_GC_THRESHOLDS)
            closing.callback(sys.setswitchinterval, sys.getswitchinterval())
            sys.setswitchinterval(_SWITCH_S)
            if started_store is None:
                store, starting = await _open_store(app, settings, secret, closing)
            else:
                store, starting = started_store, None
                await claim_store(store, secret)
            services = build_services(settings, store, clock, secret)
            closing.callback(services.passwords.close)
            app.state.services, app.state.starting = services, starting
            await _create_configured_administrator(services, starting, closing)
            await _start_background_work(services, starting, closing)
            yield

    return lifespan


async def _open_store(
    app: FastAPI, settings: Settings, secret: bytes, closing: AsyncExitStack
) -> "tuple[Store, asyncio.Task[None] | None]":
    """Return the started store of the settings.

    If its database does not answer, return the store together with a task that ends as soon as the database answers.
    Raise BadSecret when the store was created with another secret.
    """
    store = open_store(settings.store_url, SCHEMA, memory_limit=settings.memory_limit, threads=settings.threads)
    closing.push_async_callback(store.close)
    try:
        await store.start()
        await claim_store(store, secret)
    except Unavailable:
        log.warning("database does not answer, trying again")
        starting = asyncio.create_task(_connect(app, store, secret))
        closing.push_async_callback(_cancel, starting)
        return store, starting
    return store, None


async def _create_configured_administrator(
    services: Services, starting: "asyncio.Task[None] | None", closing: AsyncExitStack
) -> None:
    """Create the administrator of the settings if there is none, once the database answers.

    Raise ValueError when the settings are incomplete or the password is weak.
    """
    settings = services.settings

    async def create() -> None:
        await services.first_administrator.create_configured(settings.admin_login, settings.admin_password_file)

    async def create_later(starting: "asyncio.Task[None]") -> None:
        await asyncio.wait((starting,))
        try:
            await create()
        except (ValueError, StoreError) as error:
            log.error("the administrator of the settings could not be created", error=str(error))

    if starting is None:
        await create()
    elif settings.admin_login is not None:
        closing.push_async_callback(_cancel, asyncio.create_task(create_later(starting)))


async def _start_background_work(
    services: Services, starting: "asyncio.Task[None] | None", closing: AsyncExitStack
) -> None:
    """Start what repeats: jobs, resuming interrupted work of the ingest, retention, and loading columns ahead.

    The tasks of the resumed work end with `ingest.close` and `invalidation.close`.
    """
    ingest, invalidation = services.ingest, services.invalidation

    async def repeat(name: str, work: Callable[[], Awaitable[None]], interval_s: float) -> None:
        if starting is not None:
            await asyncio.wait((starting,))
        while True:
            try:
                await work()
            except Exception as error:  # whatever it is, it must not end the loop for the work of others
                log.error(name, error=repr(error))
            await asyncio.sleep(interval_s)

    async def resume() -> None:
        await invalidation.request_upgrade()
        await ingest.resume_in_background()
        await invalidation.resume_in_background()

    warming = ColumnWarming(services.store, SCHEMA.tables)
    closing.push_async_callback(warming.close)
    if services.store.is_exclusive:  # what was being received belongs to a process that has ended
        await ingest.interrupt_received()
        await services.jobs.expire_leases()
    closing.push_async_callback(services.deletion.close)
    closing.push_async_callback(ingest.close)
    closing.push_async_callback(invalidation.close)
    services.job_runner.start(starting)
    closing.push_async_callback(services.job_runner.close)
    for name, work, interval_s in (
        ("interrupted ingest work could not be finished", resume, RESUME_INTERVAL_S),
        ("deleted applications could not be removed", services.deletion.resume_in_background, RESUME_INTERVAL_S),
        ("events older than the retention period could not be removed", ingest.delete_expired, RETENTION_INTERVAL_S),
        ("jobs that have expired could not be removed", services.job_runner.delete_expired, RETENTION_INTERVAL_S),
        ("columns could not be loaded ahead", warming.refresh, SAVE_INTERVAL_S),
    ):
        closing.push_async_callback(_cancel, asyncio.create_task(repeat(name, work, interval_s)))


async def _connect(app: FastAPI, store: Store, secret: bytes) -> None:
    """Try to start the store until its database answers.

    Stop the server when the store cannot be used, such as with another secret; `app.state.refusal` then has the error.
    """
    while True:
        await asyncio.sleep(RETRY_INTERVAL_S)
        try:
            await store.start()
            await claim_store(store, secret)
        except Unavailable:
            continue
        except (BadSecret, StoreError) as error:
            log.error("the server stops", error=str(error))
            app.state.refusal = error
            signal.raise_signal(signal.SIGTERM)
            await asyncio.Event().wait()  # not ready until the server has stopped
        return


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
