"""The application: routers, middleware, the one error handler, and what is opened and closed around requests."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress

import structlog
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp
from starlette_compress import CompressMiddleware

from okube_api import __version__
from okube_api.api.container import Services, make_services
from okube_api.api.docs_pages import documentation
from okube_api.api.openapi import document
from okube_api.api.routes.analytics import router as analytics
from okube_api.api.routes.applications import router as applications
from okube_api.api.routes.areas import router as areas
from okube_api.api.routes.auth import anybody as login
from okube_api.api.routes.auth import router as auth
from okube_api.api.routes.auth import secret as secrets
from okube_api.api.routes.campaigns import router as campaigns
from okube_api.api.routes.equipments import router as equipments
from okube_api.api.routes.events import files as event_files
from okube_api.api.routes.events import router as ingest
from okube_api.api.routes.health import router as health
from okube_api.api.routes.levers import router as levers
from okube_api.api.routes.pois import router as pois
from okube_api.api.routes.sites import router as sites
from okube_api.api.routes.studies import router as studies
from okube_api.api.routes.thumbnails import router as site_uploads
from okube_api.api.routes.users import router as users
from okube_api.auth.secret import secret_key
from okube_api.clock import Clock, utc_now
from okube_api.errors import Refusal
from okube_api.http.metrics import Metrics
from okube_api.http.middleware.access_log import Journal
from okube_api.http.middleware.path_segments import SegmentedPaths
from okube_api.http.middleware.proxy import Transport, networks
from okube_api.http.problems import handle
from okube_api.http.routing.route_index import ByShape
from okube_api.settings import Settings
from okube_api.store import open_store
from okube_api.store.base import Json, Store, StoreError, Unavailable
from okube_api.store_schema import SCHEMA

ROUTERS: tuple[APIRouter, ...] = (
    login,
    auth,
    secrets,
    applications,
    users,
    site_uploads,
    sites,
    equipments,
    areas,
    pois,
    campaigns,
    levers,
    studies,
    analytics,
    event_files,
    ingest,
    health,
)

FORGETTING_S = 3600.0  # between two looks for events that are older than is kept
RETRY_S = 1.0  # between two attempts to reach a database that was away when the server started

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

log = structlog.stdlib.get_logger("okube")


def create_app(settings: Settings | None = None, *, store: Store | None = None, clock: Clock = utc_now) -> FastAPI:
    """The application, which connects to nothing before it is started.

    store: one that the caller has started, and will close; the one of `settings.store_url` when absent.
    """
    settings = settings or Settings()
    app = Okube(
        title="okube-api",
        version=__version__,
        lifespan=_lifespan(settings, store, clock),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.metrics = Metrics()
    for router in ROUTERS:  # as they are: an included router costs every request a second look-up
        app.router.routes.extend(router.routes)
    app.router.routes.extend(documentation(app))
    for kind in (Refusal, RequestValidationError, HTTPException, StoreError):
        app.add_exception_handler(kind, handle)
    app.add_middleware(CompressMiddleware)  # the innermost; each one added goes around those before it
    app.add_middleware(SegmentedPaths)
    app.add_middleware(Transport, proxies=networks(settings.trusted_proxies), require_https=settings.require_https)
    app.add_middleware(Journal, metrics=app.state.metrics)
    return app


class Okube(FastAPI):
    """FastAPI, with our own account of the routes."""

    def openapi(self) -> Json:
        """The OpenAPI document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = document(self)
        return self.openapi_schema

    def build_middleware_stack(self) -> ASGIApp:
        """FastAPI's, around the routes by their shapes."""
        whole = self.router
        self.router = ByShape(whole)  # type: ignore[assignment]  # it is only called there
        try:
            return super().build_middleware_stack()
        finally:
            self.router = whole


def _lifespan(settings: Settings, given: Store | None, clock: Clock) -> Lifespan:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        secret = secret_key(settings)
        async with AsyncExitStack() as closing:
            store, starting = (given, None) if given else await _opened(settings, closing)
            services = make_services(settings, store, clock, secret)
            closing.callback(services.passwords.close)
            app.state.services, app.state.starting = services, starting
            await _resumed(services, starting, closing)
            yield

    return lifespan


async def _opened(settings: Settings, closing: AsyncExitStack) -> "tuple[Store, asyncio.Task[None] | None]":
    """The store of the settings, started; when its database is away, with the task that tries until it is there."""
    store = open_store(settings.store_url, SCHEMA, memory_limit=settings.memory_limit, threads=settings.threads)
    closing.push_async_callback(store.close)
    try:
        await store.start()
    except Unavailable:
        log.warning("the database is away: trying again until it answers")
        starting = asyncio.create_task(_keep_trying(store))
        closing.push_async_callback(_ended, starting)
        return store, starting
    return store, None


async def _resumed(services: Services, starting: "asyncio.Task[None] | None", closing: AsyncExitStack) -> None:
    """Lets the ingest finish what processes that died left half-done, and forget what is too old: in the background."""

    async def resume() -> None:
        if starting is not None:
            await asyncio.wait((starting,))
        try:
            await services.ingest.resume()
            await services.following.resume()
        except StoreError as error:
            log.error("the ingest could not finish what was left half-done", error=repr(error))
        while True:
            try:
                await services.ingest.forget_old()
            except StoreError as error:
                log.error("the ingest could not forget what is too old", error=repr(error))
            await asyncio.sleep(FORGETTING_S)

    closing.push_async_callback(services.ingest.close)
    closing.push_async_callback(services.following.close)
    closing.push_async_callback(_ended, asyncio.create_task(resume()))


async def _keep_trying(store: Store) -> None:
    while True:
        await asyncio.sleep(RETRY_S)
        with suppress(Unavailable):
            await store.start()
            return


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
