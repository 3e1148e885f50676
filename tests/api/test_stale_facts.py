"""Answers say that their facts are older than the settings until these are rebuilt."""

import pytest
from okube_api.analytics.service import STALE_FACTS
from okube_api.ingest.invalidation import PENDING
from okube_api.store.conditions import equal

from tests.api.server import Json, Server, Tenant

pytestmark = pytest.mark.anyio

DAYS = {"from": "2025-03-01", "to": "2025-03-02"}
QUESTION = {"params": [{"kpi": "posSessions", "temporals": False}]}
STAY = '{"user": "u", "site": "here", "start": "2025-03-01T10:00:00Z", "duration_s": 600, "zone": "indoor"}\n'


async def ask(tenant: Tenant) -> tuple[list[Json], str | None]:
    """Return the notes of the answer to a question in `meta`, and their codes in the header of the same question."""
    url = f"{tenant.url}/studies/study/geo-marketing/analytics"
    with_meta: Json = (await tenant.reader.post(url, params={**DAYS, "meta": "true"}, json=QUESTION)).json()
    plain = await tenant.reader.post(url, params=DAYS, json=QUESTION)
    assert plain.status_code == 200, plain.text
    return with_meta["meta"]["notes"], plain.headers.get("x-okube-notes")


async def test_answers_have_a_note_until_the_facts_are_rebuilt(server: Server, tenant: Tenant) -> None:
    await tenant.create("sites", key="here", name="Here", online=False)
    await tenant.create("studies", key="study", sites=["here"])
    headers = {"Content-Type": "application/x-ndjson"}
    assert (await tenant.editor.post(f"{tenant.url}/ingest/stays", content=STAY, headers=headers)).status_code == 201
    await server.services.invalidation.drain()
    before = await ask(tenant)
    assert before == ([], None)
    note = {"_id": "a" * 24, "application": tenant.id, "kinds": ["stays"], "version": 1, "confirmed": True}
    await server.services.store.insert(PENDING, [note])
    server.services.analytics.answer_cache.clear()  # as the change of a document does
    assert await ask(tenant) == ([{"code": "stale_facts", "message": STALE_FACTS.message}], "stale_facts")
    await server.services.invalidation.resume()
    assert await server.services.store.get(PENDING, equal("application", tenant.id)) is None
    assert await ask(tenant) == before
