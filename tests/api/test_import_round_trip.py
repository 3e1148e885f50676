"""An export that is imported again changes nothing; imported elsewhere, it makes the same resources."""

from typing import Any

import httpx
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.api.server import Json, Tenant
from tests.tables.texts import any_text, frees, lists, scalars, texts

pytestmark = pytest.mark.anyio

# Each example makes two applications: to make a failing one smaller would take minutes.
some = settings(settings.get_profile("api"), max_examples=20, phases=(Phase.explicit, Phase.reuse, Phase.generate))

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


def differ(elements: list[Json]) -> list[Json]:
    """The elements whose keys no earlier one has."""
    seen: set[str] = set()
    kept = []
    for one in elements:
        mine = {*([one["key"]] if "key" in one else []), *one.get("keys", [])}
        if not mine & seen:
            kept.append(one)
        seen |= mine
    return kept


def some_of(kind: str) -> st.SearchStrategy[tuple[str, list[Json]]]:
    return st.tuples(st.just(kind), st.lists(KINDS[kind], min_size=1, max_size=4).map(differ))


async def bring(tenant: Tenant, path: str, content: bytes, **form: str) -> Json:
    """What an import answers."""
    response = await tenant.editor.post(f"{tenant.url}/{path}", files={"file": ("x.csv", content)}, data=form)
    assert response.status_code == 200, response.text
    report: Json = response.json()
    return report


async def csv_of(client: httpx.AsyncClient, tenant: Tenant, kind: str) -> bytes:
    return (await client.get(f"{tenant.url}/{kind}", headers={"Accept": "text/csv"})).content


async def all_of(tenant: Tenant, kind: str) -> list[Json]:
    found = await tenant.reader.get(f"{tenant.url}/{kind}", params={"per_page": 100})
    documents: list[Json] = found.json()["documents"]
    return documents


def but_for_ids(documents: list[Json]) -> list[Json]:
    """What is the same elsewhere; the extras of campaigns come as a list, in no order."""
    own = {"_id", "application", "createdAt", "updatedAt", "lever"}
    same = [{name: value for name, value in one.items() if name not in own} for one in documents]
    for one in same:
        if isinstance(one.get("extra"), list):
            one["extra"] = {each["key"]: each["value"] for each in one["extra"]}
    return same


async def check(tenant: Tenant, elsewhere: Tenant, kind: str, path: str, elements: list[Any]) -> None:
    for element in elements:
        await tenant.make(kind, **element)
    before = await all_of(tenant, kind)
    content = await csv_of(tenant.reader, tenant, kind)
    same = {"created": 0, "updated": 0, "unchanged": len(elements), "failed": 0, "errors": []}
    assert await bring(tenant, path, content) == same
    assert await all_of(tenant, kind) == before
    new = {"created": len(elements), "updated": 0, "unchanged": 0, "failed": 0, "errors": []}
    assert await bring(elsewhere, path, content) == new
    assert but_for_ids(await all_of(elsewhere, kind)) == but_for_ids(before)


@some
@given(kind_and_elements=st.sampled_from([*KINDS]).flatmap(some_of))
async def test_nothing_changes(server: Any, kind_and_elements: tuple[str, list[Json]]) -> None:
    kind, elements = kind_and_elements
    path = "sites/import" if kind == "sites" else kind
    await check(await server.tenant(), await server.tenant(), kind, path, elements)
