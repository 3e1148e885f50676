"""Answers the questions of jobs: from the stored request to the bytes and headers of the answer."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import orjson
import structlog

from okube_api.analytics.answer_options import AnswerOptions
from okube_api.analytics.modules import MODULES
from okube_api.analytics.rendering import AnswerFormat
from okube_api.analytics.schemas.query import Query
from okube_api.analytics.schemas.url import UrlParams
from okube_api.analytics.scope import QuestionScope
from okube_api.analytics.service import Analytics, BackgroundRun
from okube_api.analytics.table import Layout
from okube_api.api.answer_headers import build_cache_headers, build_content_headers
from okube_api.api.file_format import ChosenFormat
from okube_api.applications.repository import ApplicationRepository
from okube_api.auth.repository import Role, User, UserRepository
from okube_api.catalogue.kpi import Module
from okube_api.errors import Forbidden, NotFound
from okube_api.http.problems import build_problem, convert_error
from okube_api.jobs.results import JobResult
from okube_api.kit.file_options import FileFormat
from okube_api.kit.repository import Repository
from okube_api.store.values import Json
from okube_api.studies.repository import StudyRepository
from okube_api.threads import run_in_thread

log = structlog.stdlib.get_logger("okube.jobs")


def build_options(url: UrlParams, accepted: ChosenFormat) -> AnswerOptions:
    """Return the options of an answer; accepted: the format that `Accept` prefers.

    CSV by `Accept` alone is wide unless the layout is requested: it always was, before there were layouts.
    """
    file_format = accepted.prefer(url.format).file_format
    is_wide = file_format is FileFormat.CSV and url.format is None
    answer_format = AnswerFormat(file_format, Layout(url.layout or ("wide" if is_wide else "long")), url.csv_format)
    return AnswerOptions(url.first_day, url.last_day, url.uplifted, url.meta, url.explain, answer_format)


def build_stored_question(
    query: Query, url: UrlParams, accepted: ChosenFormat, scope: QuestionScope, raw: bytes
) -> Json:
    """Return a valid question as it is stored for a job; raw: its body as JSON."""
    return {
        "module": query.module.value,
        "site": scope.site,
        "study": None if scope.study is None else scope.study["_id"],
        "url": url.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "accepted": [accepted.file_format.value, accepted.media_type],
        "body": raw.decode("utf-8"),
    }


class QuestionWork:
    """Answers the questions of jobs."""

    def __init__(
        self,
        analytics: Analytics,
        applications: ApplicationRepository,
        sites: Repository,
        studies: StudyRepository,
        users: UserRepository,
        *,
        timeout_s: float,
    ) -> None:
        self._analytics, self._applications, self._sites, self._studies = analytics, applications, sites, studies
        self._users, self._timeout_s = users, timeout_s

    def admit(self) -> AbstractAsyncContextManager[None]:
        """Wait until no other large question waits, and hold the place of questions in the background."""
        return self._analytics.admit_in_background()

    async def execute(self, job: Json, question: Json, report: Callable[[float], None]) -> JobResult:
        """Return the answer that the request would have got; report the share that is done."""
        await self._require_access(job)
        spec = MODULES[Module(question["module"])]
        file_format, media_type = question["accepted"]
        accepted = ChosenFormat(FileFormat(file_format), media_type)
        model = spec.query if question["site"] is None else spec.site_query
        query = await run_in_thread(partial(_read_body, model, question["body"]))
        options = build_options(spec.url.model_validate(question["url"]), accepted)
        background = BackgroundRun(self._timeout_s, report)
        scope = await self._load_scope(job["application"], question)
        answer = await self._analytics.answer(query, scope, options, background=background)
        headers = build_cache_headers(answer) | build_content_headers(answer, accepted)
        return JobResult(answer.content.content, answer.content.file, answer.content.size, headers)

    def describe_error(self, job: Json, error: Exception) -> Json:
        """Return the problem that the request would have been answered with."""
        refusal = convert_error(error)
        if refusal.status == 500:
            log.error("jobs.bug", job=job["_id"], exc_info=error)
        return build_problem(refusal, job["question"]["path"], job["requestId"])

    async def _require_access(self, job: Json) -> None:
        """Raise Forbidden when the owner of a job may not ask its question any more.

        What a user may do can change while the job is in the queue.
        """
        try:
            user = User.from_document(await self._users.get_by_id(job["owner"]))
        except NotFound:
            role = None
        else:
            role = None if user.disabled else user.get_role(job["application"])
        if role is None or not role.includes(Role(job["minimumRole"])):
            raise Forbidden("The owner of the job may not ask this question any more.")

    async def _load_scope(self, application_id: str, question: Json) -> QuestionScope:
        """Return the scope of a question.  Raise NotFound when the study or the site was deleted meanwhile."""
        application = await self._applications.load(application_id)
        if question["site"] is not None:
            await self._sites.get_by_id(question["site"])
        study = None if question["study"] is None else await self._studies.load(application_id, question["study"])
        return QuestionScope(application, study, question["site"])


def _read_body(model: type[Query], body: str) -> Query:
    return model.model_validate(orjson.loads(body))
