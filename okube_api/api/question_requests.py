"""Requests that ask questions: they are answered from the cache, computed as early as possible, or made jobs."""

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, get_type_hints

from fastapi import Depends, Path
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from okube_api.analytics.answer_cache import CacheEntry, CacheKey, RenderedAnswer
from okube_api.analytics.answer_options import AnswerOptions
from okube_api.analytics.request_size import check_request_size
from okube_api.analytics.schemas.query import Query as QuestionBody
from okube_api.analytics.schemas.url import UrlParams
from okube_api.analytics.scope import QuestionScope
from okube_api.analytics.service import Analytics
from okube_api.api.access import Access, CanRead, SiteToRead, get_identity, load_access, load_site_to_read, require_role
from okube_api.api.answer_headers import build_cache_headers, build_content_headers
from okube_api.api.container import Services, ServicesDep, get_services
from okube_api.api.file_format import AcceptedTable, ChosenFormat, negotiate_format
from okube_api.api.file_response import TemporaryFileResponse
from okube_api.api.job_requests import answer_accepted, summarize_question, wants_job
from okube_api.api.query_parameters import parse_query
from okube_api.api.question_work import build_options, build_stored_question
from okube_api.api.repeated_questions import note_cached
from okube_api.api.request_body import ParsedRequest, is_json
from okube_api.api.route import JsonRoute
from okube_api.auth.repository import Role
from okube_api.errors import NotFound
from okube_api.http.client_disconnect import cancel_on_disconnect
from okube_api.http.etags import is_unchanged
from okube_api.metrics import count_cached_answer
from okube_api.store.values import Json


class QuestionRoute(JsonRoute):
    """A route of questions: it looks for a cached answer before the parameters and the body are validated.

    It also answers valid questions without FastAPI, whose resolution of the dependencies takes longer than all other
    steps before the question is resolved.
    """

    only_reads = True
    ignored_parameters = frozenset({"uplift"})  # of presence, whose devices are no panel; the others know it

    def accepts_idempotency_key(self) -> bool:
        """Return whether the route takes questions: they create a job if the client asks for it."""
        return self.methods == {"POST"}

    def get_idempotency_key(self, request: Request) -> str | None:
        """Return the `Idempotency-Key` of a question that is to become a job."""
        return super().get_idempotency_key(request) if wants_job(request) else None

    async def check_access(self, request: Request) -> None:
        """Refuse a caller who may not read the application or the site of the path.

        All questions need the same access, which costs a tenth of resolving their dependencies.
        """
        services, names = get_services(request), request.path_params
        if "site" in names:
            await load_site_to_read(request, names["site"], services)
        else:
            await load_access(services, get_identity(request).user, names["application"], Role.READER)

    async def respond_unparsed(self, request: Request) -> Response | None:
        """Return the cached answer to a body of the same bytes, if the caller may read it."""
        if request.method != "POST" or not is_json(request) or wants_job(request):
            return None
        key = _build_cache_key(request, negotiate_format(request), await request.body())
        entry = await _find_cached(key, request)
        if entry is None:
            return None
        note_cached(request.scope, key, entry)
        return _respond_cached(entry, request)

    async def respond_early(self, request: Request) -> Response | None:
        """Return the answer; None for what is not a valid question, so that FastAPI reports its faults.

        Raise Impossible or BadRequest for too large bodies, and what the endpoints raise.
        """
        if not isinstance(request, ParsedRequest) or not isinstance(request.value, dict):
            return None
        services = get_services(request)
        check_request_size(request.value, services.settings.query_params)
        context = await provide_context(request, services, negotiate_format(request))
        if context.key is not None and (entry := await _find_cached(context.key, request)):
            return _respond_cached(entry, request)
        return None if request.is_large else await self._answer_valid(context, request, services)

    @cached_property
    def _models(self) -> tuple[type[QuestionBody], type[UrlParams]]:
        """The models of the body and of the query parameters."""
        hints = get_type_hints(self.endpoint)
        return hints["query"], hints["url"]

    async def _answer_valid(
        self, context: "QuestionContext", request: ParsedRequest, services: Services
    ) -> Response | None:
        """Answer a question; return None if it is not valid.  The steps and their order are those of the endpoints."""
        names = request.path_params
        access: Access
        site = None
        if "site" in names:
            access = site_access = await load_site_to_read(request, names["site"], services)
            site = site_access.site["_id"]
        else:
            access = await load_access(services, get_identity(request).user, names["application"], Role.READER)
        study = await load_study(request, access, services, names["study"]) if "study" in names else None
        parameters = parse_query(request.scope["query_string"])
        if len(dict(parameters)) < len(parameters) or not all(value for _, value in parameters):
            return None
        query_model, url_model = self._models
        try:
            url = url_model.model_validate(dict(parameters))
            query = query_model.model_validate(request.value)
        except ValidationError:
            return None
        return await context.answer(query, url, access, QuestionScope(access.application, study, site))


def _build_cache_key(request: Request, accepted: ChosenFormat, body: bytes) -> CacheKey:
    """Return the key of a question in the answer cache."""
    return CacheKey(request.scope["path"], request.scope["query_string"], accepted.media_type, body)


async def _find_cached(key: CacheKey, request: Request) -> CacheEntry | None:
    """Return the cached answer to a question, if the caller may read it."""
    return await get_services(request).analytics.find_cached(key, get_identity(request).user)


def _respond_cached(entry: CacheEntry, request: Request) -> Response:
    count_cached_answer()
    return _build_response(entry.answer, request, time.monotonic() + get_services(request).settings.query_timeout_s)


def _build_response(answer: RenderedAnswer, request: Request, deadline_s: float) -> Response:
    """Return the response with an answer; 304 for a client that has it already (`If-None-Match`)."""
    content = answer.content
    headers = build_cache_headers(answer)
    if is_unchanged(request.headers.get("if-none-match"), content.etag):
        if content.file is not None:
            content.file.close()
        return Response(status_code=304, headers=headers)
    headers |= build_content_headers(answer, negotiate_format(request))
    if content.file is None:
        return Response(content.content, headers=headers)
    return TemporaryFileResponse(content.file, content.size, deadline_s, headers=headers)


# -- dependencies ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class QuestionContext:
    """What all endpoints need: the service, the format that `Accept` prefers, and the cache key of the answer.

    key: the key of the answer in the cache; None if the answer cannot be cached.
    documents_revision: the revision of the documents before any of them was read; None if nothing can be cached.
    """

    request: Request
    analytics: Analytics
    accepted: ChosenFormat
    key: CacheKey | None
    documents_revision: str | None

    async def answer(self, query: QuestionBody, url: UrlParams, access: Access, scope: QuestionScope) -> Response:
        """Answer a question, or make it a job; cancel the work when the client disconnects.

        Raise what `Analytics.answer` raises, and Forbidden when a caller without the role `admin` requests `explain`.
        """
        if url.explain:
            require_role(access.role, Role.ADMIN, access.application.id)
        options = build_options(url, self.accepted)
        if wants_job(self.request):
            return await self._create_job(query, url, access, scope, options)
        deadline_s = time.monotonic() + get_services(self.request).settings.query_timeout_s
        work = self.analytics.answer(query, scope, options, key=self.key, documents_revision=self.documents_revision)
        answer = await cancel_on_disconnect(self.request, work)
        if self.key is not None and (entry := self.analytics.answer_cache.find_entry(self.key, answer)):
            note_cached(self.request.scope, self.key, entry)
        return _build_response(answer, self.request, deadline_s)

    async def _create_job(
        self, query: QuestionBody, url: UrlParams, access: Access, scope: QuestionScope, options: AnswerOptions
    ) -> Response:
        """Make a question a job.  Raise what `Analytics.check` raises, and TooManyRequests."""
        request, services = self.request, get_services(self.request)
        assert isinstance(request, ParsedRequest), "a valid question has a body"
        await self.analytics.check(query, scope, options)
        fields = {
            "question": summarize_question(query.module, request, [param.kpi for param in query.params]),
            "minimumRole": Role.ADMIN if url.explain else Role.READER,  # plans are for administrators
            "requestId": request.scope.get("state", {}).get("request_id", ""),
        }
        question = build_stored_question(query, url, self.accepted, scope, request.raw)
        most_jobs = services.settings.jobs_per_user
        job = await services.jobs.create(access.application.id, access.user.id, fields, question, most_jobs)
        services.job_runner.wake()
        return await answer_accepted(job, request, services)


async def provide_context(request: Request, services: ServicesDep, accepted: AcceptedTable) -> QuestionContext:
    """Return the context of a question.

    It must be the first dependency of an endpoint, so that the revision is read before the application, the site and
    the study.  If one of them changes in between, the cached answer is then outdated.
    """
    analytics = services.analytics
    documents_revision = analytics.answer_cache.revision()
    key = None
    if documents_revision is not None and isinstance(request, ParsedRequest) and not wants_job(request):
        key = _build_cache_key(request, accepted, request.raw)
    return QuestionContext(request, analytics, accepted, key, documents_revision)


Context = Annotated[QuestionContext, Depends(provide_context)]

StudyInPath = Annotated[str, Path(description="The study's id; under an application, its id or key.")]


async def load_study(request: Request, access: Access, services: Services, study: str) -> Json:
    """Return the study that a path names: by id or key under an application, else by id.

    Raise NotFound, also for a study of another application.
    """
    if request.path_params.get("application"):
        return await services.studies.load(access.application.id, study)
    document = await services.studies.get_by_id(study)
    if document["application"] != access.application.id:
        raise NotFound(services.studies.kind, study)
    return document


async def provide_study(request: Request, access: CanRead, services: ServicesDep, study: StudyInPath) -> Json:
    """Return the study of a path under an application."""
    return await load_study(request, access, services, study)


async def provide_study_of_site(
    request: Request, access: SiteToRead, services: ServicesDep, study: StudyInPath
) -> Json:
    """Return the study of a path under a site."""
    return await load_study(request, access, services, study)


Study = Annotated[Json, Depends(provide_study)]
StudyOfSite = Annotated[Json, Depends(provide_study_of_site)]
