"""Requests that make a question a job: how they ask for it, and their answer."""

from typing import Any

import orjson
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.container import Services
from okube_api.api.openapi import Problem
from okube_api.api.query_parameters import parse_query
from okube_api.catalogue.kpi import Module
from okube_api.http.middleware.proxy import public_path
from okube_api.jobs.repository import UNFINISHED, JobState
from okube_api.kit.booleans import BOOLEANS
from okube_api.kit.schemas import Answer, Identifier, Instant
from okube_api.store.values import Json

PREFERENCE = "respond-async"
RETRY_AFTER_S = 1
"""How long a client should wait before it reads an unfinished job again."""
_SUMMARY_PARAMS = 50  # names of KPIs in the summary of a question


class JobOwner(Answer):
    """The owner of a job."""

    id: Identifier = Field(alias="_id")
    name: str = Field(examples=["jeanne"])


class JobQuestion(Answer):
    """The question of a job."""

    module: Module
    path: str = Field(
        description="The path of the request.", examples=["/applications/maison-lumen/performance/analytics"]
    )
    query: str = Field(description="The query string of the request.", examples=["from=2019-03-01&wait=false"])
    kpis: list[str] = Field(description="The KPIs of its params, each once.", examples=[["visits"]])


class JobAnswer(Answer):
    """A question that is answered in the background."""

    id: Identifier = Field(alias="_id")
    application: Identifier
    owner: JobOwner = Field(description="The user who asked the question.")
    state: JobState = Field(description="`queued` and `running` are unfinished; the others are final.")
    progress: float = Field(
        ge=0, le=1, description="The share of the question that is answered: reading, computing and writing."
    )
    question: JobQuestion = Field(description="What was asked.")
    created_at: Instant = Field(alias="createdAt")
    started_at: Instant | None = Field(None, alias="startedAt", description="When a server began to answer it.")
    ended_at: Instant | None = Field(None, alias="endedAt", description="When it was done, failed or was cancelled.")
    expires_at: Instant | None = Field(
        None, alias="expiresAt", description="When the job and its result are deleted; null until it has ended."
    )
    size: int | None = Field(None, description="Size of the result, in bytes.")
    result: str | None = Field(None, description="Path of the result, once the state is `done`.")
    error: Problem | None = Field(None, description="Why the job failed.")


def wants_job(request: Request) -> bool:
    """Return whether a request asks for a job: by `Prefer: respond-async` (RFC 7240) or by `wait=false`."""
    if prefers_job(request):
        return True
    query: bytes = request.scope["query_string"]
    may_have_wait = b"wait" in query or b"%" in query  # any letter may be percent-encoded
    return may_have_wait and any(
        name == "wait" and (text == "0" or BOOLEANS.get(text.lower()) is False) for name, text in parse_query(query)
    )


def prefers_job(request: Request) -> bool:
    """Return whether the header `Prefer` of a request has the preference for a job."""
    preferences = ",".join(request.headers.getlist("prefer")).split(",")
    return any(part.partition(";")[0].partition("=")[0].strip().lower() == PREFERENCE for part in preferences)


def build_job_path(job: Json) -> str:
    """Return the path of a job."""
    return f"/applications/{job['application']}/jobs/{job['_id']}"


def summarize_question(module: Module, request: Request, kpis: list[str]) -> Json:
    """Return the summary of a question for its job."""
    return {
        "module": module.value,
        "path": request.scope["path"],
        "query": request.scope["query_string"].decode("latin-1"),
        "kpis": list(dict.fromkeys(kpis))[:_SUMMARY_PARAMS],
    }


async def describe_jobs(jobs: list[Json], request: Request, services: Services) -> list[Json]:
    """Return jobs as their answers show them: with the names of their owners and the paths of their results."""
    names = await services.sessions.users.find_names({job["owner"] for job in jobs})
    return [
        job
        | {
            "owner": {"_id": job["owner"], "name": names.get(job["owner"], "")},
            "result": public_path(request.scope, build_job_path(job) + "/result")
            if job["state"] == JobState.DONE
            else None,
            "size": job["size"] if job["state"] == JobState.DONE else None,
        }
        for job in jobs
    ]


async def answer_job(job: Json, request: Request, services: Services, status: int = 200) -> Response:
    """Return the answer for a job; while it is unfinished, with the time after which to read it again."""
    (described,) = await describe_jobs([job], request, services)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if job["state"] in UNFINISHED else {}
    body = orjson.dumps(JobAnswer.render(described))
    return Response(body, status, headers, media_type="application/json")


async def answer_accepted(job: Json, request: Request, services: Services) -> Response:
    """Return the answer 202 to a question that has become a job."""
    response = await answer_job(job, request, services, 202)
    response.headers["Location"] = public_path(request.scope, build_job_path(job))
    if prefers_job(request):
        response.headers["Preference-Applied"] = PREFERENCE
    return response


_TEXT = {"schema": {"type": "string"}}
PREFER: dict[str, Any] = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "`respond-async` makes the question a job, as `wait=false` does (RFC 7240).",
    "schema": {"type": "string", "examples": [PREFERENCE]},
}
ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "model": JobAnswer,
        "description": "The question has become a job, because the client asked for it.",
        "headers": {
            "Location": _TEXT | {"description": "Path of the job."},
            "Preference-Applied": _TEXT | {"description": "`respond-async` if it was preferred."},
            "Retry-After": {"schema": {"type": "integer"}},
        },
    }
}
"""The answer 202 to a question, for the OpenAPI document."""
