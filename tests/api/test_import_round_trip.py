"""Importing an export changes nothing; in another application it creates the same resources."""

from typing import Any

import httpx
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.api.server import Json, Tenant
from tests.tables.strategies import any_text, frees, lists, scalars, texts

pytestmark = pytest.mark.anyio

# Each example creates two applications: shrinking a failing one would take minutes.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
few_examples = settings(settings.get_profile("api"), max_examples=20, phases=PHASES)

CONTROLS = "".join(map(chr, [*range(32), *range(127, 160)]))
keys = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters=CONTROLS), min_size=1, max_size=6),
    st.sampled_from(["=1", "+33", "-1", "@a", "'", "a|b", "\\", "007", "a/b", "true", " ", "5e1834b0e12d62a85b388a1b"]),
)
free_names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=f"{CONTROLS}.$"), min_size=1, max_size=4
)
free = st.dictionaries(free_names, scalars, min_size=1, max_size=3)
freer = st.dictionaries(free_names, frees, min_size=1, max_size=3)
days = st.dates().map(str)
longitudes, latitudes = st.floats(-180, 180), st.floats(-89, 89)
coordinates = st.tuples(longitudes, latitudes).map(list)
addresses = st.fixed_dictionaries({}, optional={"city": any_text, "streetNumber": any_text, "country": any_text})
costs = st.fixed_dictionaries({"amount": st.floats(0, 1e9), "type": st.sampled_from(["fixed", "cpm"])})

SITES = st.fixed_dictionaries(
    {"name": any_text, "online": st.just(False)},
    optional={
        "key": keys.map(lambda key: f"{key}!"), "keys": st.lists(keys, min_size=1, max_size=3, unique=True),
        "description": texts, "tags": lists, "attributes": free, "address": addresses, "coordinates": coordinates,
        "phoneNumber": any_text, "level": st.integers(-5, 90), "type": texts, "inProd": st.booleans(),
        "deliveryContact": st.fixed_dictionaries({}, optional={"name": any_text, "phone": any_text}),
        "openings": st.just({"monday": [["09:00", "12:30"], ["14:00", "19:00"]]}),
        "modules": st.just({"presence": True}),
    },
)  # fmt: skip

KINDS: dict[str, st.SearchStrategy[Json]] = {
    "sites": SITES,
    "pois": st.fixed_dictionaries(
        {"name": any_text, "coordinates": coordinates},
        optional={"key": keys, "description": texts, "tags": lists, "address": addresses, "attributes": free,
                  "active": st.booleans(), "radius": st.floats(1, 300)},
    ),
    "campaigns": st.fixed_dictionaries(
        {"key": keys},
        optional={"name": any_text, "description": any_text, "provider": any_text, "format": any_text, "from": days,
                  "extra": free, "costs": st.lists(costs, min_size=1, max_size=2), "windows": st.just({"click": 3})},
    ),
    "studies": st.fixed_dictionaries(
        {"key": keys}, optional={"name": any_text, "to": days, "extra": free, "parameters": freer}
    ),
}  # fmt: skip


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
    await check_round_trip(await server.create_tenant(), await server.create_tenant(), kind, path, elements)
