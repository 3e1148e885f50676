"""Importing an export changes nothing; in another application it creates the same resources."""

from typing import Any

import httpx
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.api.resource_strategies import KINDS
from tests.api.server import Json, Tenant
from tests.rounds import count_examples

pytestmark = pytest.mark.anyio

# Each example creates two applications: shrinking a failing one would take minutes.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
few_examples = settings(settings.get_profile("api"), max_examples=count_examples(20), phases=PHASES)


def drop_duplicate_keys(elements: list[Json]) -> list[Json]:
    """Drop elements that share a key with an earlier one."""
    seen: set[str] = set()
    unique = []
    for element in elements:
        element_keys = {*([element["key"]] if "key" in element else []), *element.get("keys", [])}
        if not element_keys & seen:
            unique.append(element)
        seen |= element_keys
    return unique


def lists_of(kind: str) -> st.SearchStrategy[tuple[str, list[Json]]]:
    return st.tuples(st.just(kind), st.lists(KINDS[kind], min_size=1, max_size=4).map(drop_duplicate_keys))


async def import_table(tenant: Tenant, path: str, content: bytes, **form: str) -> Json:
    """Import a table and return the answer."""
    response = await tenant.editor.post(f"{tenant.url}/{path}", files={"file": ("x.csv", content)}, data=form)
    assert response.status_code == 200, response.text
    report: Json = response.json()
    return report


async def export_csv(client: httpx.AsyncClient, tenant: Tenant, kind: str) -> bytes:
    return (await client.get(f"{tenant.url}/{kind}", headers={"Accept": "text/csv"})).content


async def list_documents(tenant: Tenant, kind: str) -> list[Json]:
    answer = await tenant.reader.get(f"{tenant.url}/{kind}", params={"per_page": 100})
    documents: list[Json] = answer.json()["documents"]
    return documents


def without_ids(documents: list[Json]) -> list[Json]:
    """Remove fields that differ between applications, and convert extras from a list to an object."""
    own_fields = {"_id", "application", "createdAt", "updatedAt", "lever"}
    resources = [{name: value for name, value in one.items() if name not in own_fields} for one in documents]
    for resource in resources:
        if isinstance(resource.get("extra"), list):
            resource["extra"] = {extra["key"]: extra["value"] for extra in resource["extra"]}
    return resources


async def check_round_trip(tenant: Tenant, other_tenant: Tenant, kind: str, path: str, elements: list[Any]) -> None:
    for element in elements:
        await tenant.create(kind, **element)
    before = await list_documents(tenant, kind)
    content = await export_csv(tenant.reader, tenant, kind)
    unchanged = {"created": 0, "updated": 0, "unchanged": len(elements), "failed": 0, "errors": []}
    assert await import_table(tenant, path, content) == unchanged
    assert await list_documents(tenant, kind) == before
    created = {"created": len(elements), "updated": 0, "unchanged": 0, "failed": 0, "errors": []}
    assert await import_table(other_tenant, path, content) == created
    assert without_ids(await list_documents(other_tenant, kind)) == without_ids(before)


@few_examples
@given(kind_and_elements=st.sampled_from([*KINDS]).flatmap(lists_of))
async def test_import_of_an_export_changes_nothing(server: Any, kind_and_elements: tuple[str, list[Json]]) -> None:
    kind, elements = kind_and_elements
    path = "sites/import" if kind == "sites" else kind
    await check_round_trip(await server.take_tenant(), await server.take_tenant(), kind, path, elements)
