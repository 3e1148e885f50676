"""Routes of jobs: to read, await, cancel and delete them, and to read their results."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from okube_api.analytics.schemas.answers import Result, WithMeta
from okube_api.api.access import CanRead, ResourceAccess, load_in_app, require_role
from okube_api.api.aliases import register_aliased, under_applications
from okube_api.api.answer_headers import NOTES_HEADER
from okube_api.api.container import Services, ServicesDep
from okube_api.api.file_format import describe_formats
from okube_api.api.job_requests import RETRY_AFTER_S, JobAnswer, answer_job, describe_jobs
from okube_api.api.openapi import PROBLEM, refusals
from okube_api.api.route import ApiRoute
from okube_api.auth.repository import Role
from okube_api.errors import NotFound, RequestConflict
from okube_api.http.client_disconnect import cancel_on_disconnect
from okube_api.http.etags import is_unchanged
from okube_api.http.pagination import Page, answer_page
from okube_api.jobs.repository import UNFINISHED, JobState, match_current, match_visible
from okube_api.kit.list_query import PageQuery
from okube_api.kit.repository import DocumentPage
from okube_api.kit.schemas import UNSET
from okube_api.store.conditions import EVERYTHING, Condition, equal
from okube_api.store.values import Json

router = APIRouter(route_class=ApiRoute, tags=["jobs"])

LIST = under_applications("/jobs")
ITEM = (*under_applications("/jobs/{job}"), "/jobs/{job}")
RESULT = tuple(f"{path}/result" for path in ITEM)

LONGEST_WAIT_S = 30

JobInPath = Annotated[str, Path(description="Id of the job.")]
Wait = Annotated[
    int,
    Query(ge=0, le=LONGEST_WAIT_S, description="Wait until the job has ended, for so many seconds at most."),
]


class JobQuery(PageQuery):
    """The filters of a list of jobs."""

    state: JobState = Field(UNSET, description="Only jobs in this state.")

    def to_condition(self) -> Condition:
        """Return the condition that a job is in the list, among those that the user may see."""
        return equal("state", self.state) if self.state else EVERYTHING


async def load_job(request: Request, job: JobInPath, services: ServicesDep) -> ResourceAccess:
    """Return the access to the job of the path, for its owner or an administrator of the application."""
    access = await load_in_app(request, services, services.jobs, job, Role.READER)
    if access.document["owner"] != access.user.id and not access.role.includes(Role.ADMIN):
        raise NotFound(services.jobs.kind, job)
    return access


VisibleJob = Annotated[ResourceAccess, Depends(load_job)]


@register_aliased(router, "GET", LIST, response_model=Page[JobAnswer], responses=refusals(404))
async def list_jobs(
    request: Request, query: Annotated[JobQuery, Query()], access: CanRead, services: ServicesDep
) -> Response:
    """List your own jobs, page by page; as an administrator of the application those of all users."""
    visible = match_visible(access.application.id, access.user.id, is_admin=access.role.includes(Role.ADMIN))
    where = visible & match_current(services.clock()) & query.to_condition()
    page = await services.jobs.find_page(where, query.paging)
    documents = await describe_jobs(page.documents, request, services)
    return answer_page(DocumentPage(documents, page.total), query.paging, JobAnswer)


@register_aliased(
    router,
    "GET",
    ITEM,
    response_model=JobAnswer,
    responses={
        200: {
            "headers": {"Retry-After": {"schema": {"type": "integer"}, "description": "While the job is unfinished."}}
        },
        **refusals(404),
    },
)
async def get_job(request: Request, access: VisibleJob, services: ServicesDep, wait: Wait = 0) -> Response:
    """Return a job: its state, its progress, and the path of its result."""
    job = access.document
    if wait and job["state"] in UNFINISHED:
        job = await cancel_on_disconnect(request, _wait_for_end(job, services, wait, request.app.state.stopping))
    return await answer_job(job, request, services)


async def _wait_for_end(job: Json, services: Services, wait_s: int, stopping: asyncio.Event) -> Json:
    """Return a job as soon as it has ended, or as it is after some seconds or when the server stops."""
    await services.job_ends.wait(job["_id"], wait_s, stopping)
    return await services.jobs.get_by_id(job["_id"])


_RESULT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        **describe_formats("The bytes and headers that the answer to the question has without a job."),
        "headers": {
            NOTES_HEADER: {"schema": {"type": "string"}, "description": "Codes of the notes on the values."},
        },
    },
    **refusals(404, 409, 422),
}


@register_aliased(router, "GET", RESULT, response_model=list[Result] | WithMeta, responses=_RESULT_RESPONSES)
async def get_job_result(request: Request, access: VisibleJob, services: ServicesDep) -> Response:
    """Return the answer to the question of a job that is done; of a failed one, the problem."""
    job = access.document
    require_role(access.role, Role(job["minimumRole"]), access.application.id)
    if job["state"] in UNFINISHED:
        message = f"The job is {job['state']}. Read its result when its state is 'done'."
        raise RequestConflict(message, headers={"Retry-After": str(RETRY_AFTER_S)})
    if job["state"] == JobState.FAILED:
        return Response(orjson.dumps(job["error"]), job["error"]["status"], media_type=PROBLEM)
    if job["state"] != JobState.DONE:
        raise NotFound("result of the job", job["_id"], "It was cancelled.")
    headers: dict[str, str] = job["headers"]
    if is_unchanged(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(
            status_code=304, headers={name: text for name, text in headers.items() if not name.startswith("Content-")}
        )
    parts = services.job_results.read(job)
    first = await anext(parts, b"")  # a result that is deleted meanwhile is answered 404
    if len(first) == job["size"]:
        return Response(first, headers=headers)
    return StreamingResponse(_prepend(first, parts), headers=headers | {"Content-Length": str(job["size"])})


async def _prepend(first: bytes, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for part in parts:
        yield part


@register_aliased(router, "DELETE", ITEM, status_code=204, responses=refusals(404))
async def delete_job(access: VisibleJob, services: ServicesDep) -> None:
    """Cancel a job that is queued or running; delete one that has ended, with its result."""
    if not await services.job_runner.cancel(access.document):
        await services.job_runner.delete(access.document)
