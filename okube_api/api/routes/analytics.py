"""Questions over HTTP: for each module a route about the sites of an application and one about a single site."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Body, Depends, Path, Query
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from okube_api.analytics.answer_cache import CacheKey, CacheEntry
from okube_api.analytics.kpis import list_kpi_records
from okube_api.analytics.modules import MODULES, ModuleSpec
from okube_api.analytics.schemas.answers import KpiShown, Result, WithMeta
from okube_api.analytics.schemas.requests import Query as Question
from okube_api.analytics.schemas.url import UrlParams
from okube_api.analytics.scope import QuestionScope
from okube_api.analytics.service import AnswerOptions
from okube_api.api.access import DEMO_STUDY, Access, CanRead, SiteAccess, SiteToRead, require_role, get_identity
from okube_api.api.aliases import register_aliased, under_applications
from okube_api.api.container import Services, ServicesDep, get_services
from okube_api.api.csv_export import CSV_RESPONSE, CsvMediaType, negotiate_csv
from okube_api.api.openapi import refusals
from okube_api.api.route import JSON, JsonRoute
from okube_api.auth.repository import Role
from okube_api.errors import NotFound
from okube_api.http.client_disconnect import cancel_on_disconnect
from okube_api.http.pagination import json_response
from okube_api.store.base import Json


class _Remembering(APIRoute):
    """A route whose answers are kept, and given again for as long as they would be the same."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, for what is not remembered."""
        handle = super().get_route_handler()

        async def remembered(request: Request) -> Response:
            recall = get_services(request).analytics.recall
            documents = recall.revision()
            if documents is None or not isinstance(body := getattr(request, "value", None), dict):
                return await handle(request)
            media, scope = await negotiate_csv(request), request.scope
            asking = CacheKey(scope["path"], scope["query_string"], media, orjson.dumps(body))
            kept = await recall.get(asking)
            if kept is not None and get_identity(request).user.get_role(kept.seal.application) is not None:
                return Response(kept.body, headers=kept.headers)
            response = await handle(request)
            seal = getattr(request.state, "seal", None)
            if seal is not None:
                recall.put(asking, CacheEntry(bytes(response.body), dict(response.headers), seal, documents))
            return response

        return remembered


class QuestionRoute(JsonRoute, _Remembering):
    """A route of questions: who asks and what is asked are checked, then it may be answered from memory."""


router = APIRouter(route_class=QuestionRoute, tags=["analytics"])

_RESPONSES = {
    200: {**CSV_RESPONSE, "description": "One element for each param and scope; as CSV one line for each leaf."},
    **refusals(404, 422),
}

StudyInPath = Annotated[
    str, Path(description="The study's id; under an application, its id or key.", openapi_examples=DEMO_STUDY)
]


async def study_of(request: Request, caller: Access, shared: Services, study: str) -> Json:
    """The study that a path names: by id or key where it also names the application, by id where it does not."""
    if request.path_params.get("application"):
        return await shared.studies.get(caller.application.id, study)
    document = await shared.studies.get_by_id(study)
    if document["application"] != caller.application.id:
        raise NotFound(shared.studies.kind, study)
    return document


async def study_to_read(request: Request, caller: CanRead, shared: ServicesDep, study: StudyInPath) -> Json:
    """The study of a path under an application."""
    return await study_of(request, caller, shared, study)


async def study_of_site(request: Request, caller: SiteToRead, shared: ServicesDep, study: StudyInPath) -> Json:
    """The study of a path under a site."""
    return await study_of(request, caller, shared, study)


async def no_study() -> None:
    """Nothing: the path names none."""


def _asked(asked: ModuleSpec, *, one_site: bool) -> Callable[..., Any]:
    """The endpoint of a module, its types those of the module's requests."""

    async def endpoint(  # noqa: PLR0917 - the framework passes them by name
        request: Request,
        query: Question,
        url: UrlParams,
        caller: Access,
        study: Json | None,
        csv: CsvMediaType,
        shared: ServicesDep,
    ) -> Response:
        site = caller.site["_id"] if isinstance(caller, SiteAccess) else None
        if url.explain:
            require_role(caller.role, Role.ADMIN)
        wanted = AnswerOptions(url.first_day, url.last_day, url.uplifted, url.meta, url.explain, csv=csv is not None)
        subject = QuestionScope(caller.application, study, site)
        answer, seal = await cancel_on_disconnect(request, shared.analytics.answer(query, subject, wanted))
        if not url.meta and not url.explain:
            request.state.seal = seal
        if csv is None:
            return Response(answer, media_type=JSON, headers={"Vary": "Accept"})
        attached = {"Content-Disposition": f'attachment; filename="{asked.module.value}.csv"', "Vary": "Accept"}
        return Response(answer, media_type=f"{csv}; charset=utf-8", headers=attached)

    body = Body(openapi_examples={"try": {"summary": asked.about, "value": asked.example}})
    where = "at one site" if one_site else "over the sites of an application"
    endpoint.__annotations__ |= {
        "query": Annotated[asked.site_query if one_site else asked.query, body],
        "url": Annotated[asked.url, Query()],
        "caller": SiteToRead if one_site else CanRead,
        "study": Annotated[Any, Depends(_study_dependency(asked, one_site))],
    }
    endpoint.__name__ = f"query_{asked.module.name.lower()}{'_of_site' if one_site else ''}"
    endpoint.__doc__ = f"KPIs of {asked.module.value}, {where}: {asked.about}."
    return endpoint


def _study_dependency(asked: ModuleSpec, one_site: bool) -> Callable[..., Any]:
    if not asked.needs_study:
        return no_study
    return study_of_site if one_site else study_to_read


def _register(asked: ModuleSpec) -> None:
    """Both routes of a module, by every alias."""
    settings: Any = {"response_model": list[Result] | WithMeta, "responses": _RESPONSES}
    register_aliased(router, "POST", under_applications(asked.path), **settings)(_asked(asked, one_site=False))
    sites = tuple(f"{site}{asked.path}" for site in ("/sites/{site}", "/s/{site}"))
    register_aliased(router, "POST", (*sites, *under_applications(*sites)), **settings)(_asked(asked, one_site=True))


for _module in MODULES.values():
    _register(_module)


@router.get("/analytics/kpis", operation_id="list_kpis", response_model=list[KpiShown])
async def list_kpis() -> Response:
    """Every KPI there is, module by module."""
    return json_response(list_kpi_records())
