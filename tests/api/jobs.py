"""Questions that become jobs, and jobs that are awaited."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
from okube_api.catalogue.kpi import Module

from tests.api.analytics import PATH_SUFFIXES
from tests.api.server import Json, Tenant

ASYNC = {"Prefer": "respond-async"}
SESSIONS: Json = {"params": [{"kpi": "sessions", "granularity": "week", "sites": True}]}
ATTENDANCE: Json = {"params": [{"kpi": "attendance", "granularity": "week"}]}
DAYS = "from=2024-03-18&to=2024-04-07"


def build_url(tenant: Tenant, module: Module = Module.PRESENCE, query: str = DAYS, study: str = "all") -> str:
    """Return the URL of a question about an application."""
    return f"{tenant.url}{PATH_SUFFIXES[module].format(study=study)}?{query}"


async def queue(client: httpx.AsyncClient, url: str, body: Json = SESSIONS, **headers: str) -> Json:
    """Make a question a job, and return the job."""
    response = await client.post(url, json=body, headers={**ASYNC, **headers})
    assert response.status_code == 202, response.text
    job: Json = response.json()
    return job


async def read(client: httpx.AsyncClient, job: Json) -> Json:
    """Return a job as it is now."""
    response = await client.get(f"/jobs/{job['_id']}")
    assert response.status_code == 200, response.text
    document: Json = response.json()
    return document


async def poll(is_true: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a condition is true; 20 s at most."""
    async with asyncio.timeout(20):
        while not await is_true():  # noqa: ASYNC110 - what is awaited has no event
            await asyncio.sleep(0.01)


async def wait_until(client: httpx.AsyncClient, job: Json, *states: str) -> Json:
    """Return a job once it is in one of these states."""
    document: Json = {}

    async def has_state() -> bool:
        document.update(await read(client, job))
        return document["state"] in states

    await poll(has_state)
    return document


async def run(client: httpx.AsyncClient, url: str, body: Json = SESSIONS, **headers: str) -> Json:
    """Make a question a job, and return the job once it is done."""
    return await wait_until(client, await queue(client, url, body, **headers), "done")
