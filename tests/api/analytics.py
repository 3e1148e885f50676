"""Applications with a known truth behind the server, and by-hand questions put to them over HTTP."""

from dataclasses import dataclass, fields
from typing import Any

import httpx
from okube_api.campaigns.repository import CAMPAIGNS, LEVERS
from okube_api.catalogue.kpi import Module
from okube_api.equipments.repository import EQUIPMENTS
from okube_api.geo.place_cells import compute_cells
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.values import Json
from okube_api.studies.repository import STUDIES

from tests.api.analytics_conversion import campaign_documents, campaign_names, lever_documents
from tests.api.server import Server, Tenant
from tests.by_hand.question import Filter, Question
from tests.by_hand.truth import Place, Truth
from tests.engine.stores import fill

SHOWN = {"homes": "code", "works": "code", "zones": "code", "extras": "name"}


@dataclass(frozen=True)
class World:
    """An application whose truth is known, and the people of it."""

    tenant: Tenant
    truth: Truth

    @property
    def reader(self) -> httpx.AsyncClient:
        """Someone who may ask."""
        return self.tenant.reader

    def names(self) -> dict[str, str]:
        """The key of everything, by id."""
        truth = self.truth
        places = {one.id: one.key for one in (*truth.sites, *truth.pois)}
        others = {one.id: one.key for one in truth.studies} | {one.id: one.key for one in truth.equipments}
        return places | others | campaign_names(truth)


async def settled(server: Server, truth: Truth) -> World:
    """A new application with a truth's places and rows."""
    world = await placed(server, truth)
    await fill(server.services.store, world.tenant.id, truth)
    return world


async def placed(server: Server, truth: Truth) -> World:
    """A new application with a truth's places and campaigns, where nothing has happened yet."""
    tenant = await server.tenant(timezone=truth.timezone)
    store = server.services.store

    def document(identifier: str, key: str, **more: Any) -> Json:
        return {**server.services.sites.build_document(tenant.id, {}), "_id": identifier, "key": key, **more}

    await store.insert(SITES, [document(**_place(site), names=[site.key]) for site in truth.sites])
    await store.insert(POIS, [document(**_place(poi)) for poi in truth.pois])
    equipments = [document(one.id, one.key, site=one.site, name=one.key, active=True) for one in truth.equipments]
    if equipments:
        await store.insert(EQUIPMENTS, equipments)
    await store.insert(
        STUDIES,
        [
            document(
                one.id,
                one.key,
                sites=list(one.sites),
                pois=list(one.pois),
                **{side: day.isoformat() for side, day in (("from", one.first), ("to", one.last)) if day},
            )
            for one in truth.studies
        ],
    )
    await store.insert(LEVERS, lever_documents(truth, document))
    await store.insert(CAMPAIGNS, campaign_documents(truth, document))
    return World(tenant, truth)


def _place(place: Place) -> dict[str, Any]:
    where = (
        {"coordinates": list(place.coordinates), **compute_cells(place.coordinates, 70)} if place.coordinates else {}
    )
    return {
        "identifier": place.id,
        "key": place.key,
        "name": place.name,
        "active": place.active,
        "online": place.online,
        **({"timezone": place.timezone} if place.timezone else {}),
        **({"tags": sorted(place.tags)} if place.tags else {}),
        **where,
    }


# -- by-hand questions as requests ---------------------------------------------------------------------------------

PATHS = {
    Module.GEO_MARKETING: "/studies/{study}/geo-marketing/analytics",
    Module.CONVERSION: "/conversions/levers/analytics",
    Module.PRESENCE: "/presence/analytics",
}


def path(world: World, module: Module, question: Question, *, alias: int = 0) -> str:
    """One of the paths that a question can be sent to; the higher ones name things by key."""
    names = world.names()
    below = PATHS[module]
    direct = question.site is not None and alias % 3 == 0
    if question.study:
        below = below.format(study=question.study if direct or alias % 2 else quoted(names[question.study]))
    application = ("/applications/", "/a/")[alias % 2] + (world.tenant.id, world.tenant.key)[alias // 2 % 2]
    if question.site is None:
        return application + below
    if direct:
        return ("/sites/", "/s/")[alias % 2] + question.site + below
    site = question.site if alias % 4 == 1 else quoted(names[question.site])
    return application + ("/sites/", "/s/")[alias // 3 % 2] + site + below


def quoted(key: str) -> str:
    """A key as one segment of a path."""
    return httpx.URL("http://x/", params={"k": key}).query.decode().removeprefix("k=").replace("+", "%20")


def body(world: World, kpis: tuple[str, ...], question: Question, *, by_key: bool = False) -> Json:
    """A question as a request's body: every KPI by its one scope."""
    names = world.names() if by_key else {}
    param: Json = {"mode": question.mode, "granularity": question.granularity}
    if question.scope != "globals":
        properties = [SHOWN.get(question.scope, "_id")]
        param |= {"globals": False, question.scope: {"properties": properties} if by_key else True}
    filters: Json = {}
    for field in fields(question):
        value = getattr(question, field.name)
        if isinstance(value, Filter):
            values = sorted(names.get(one, one) for one in value.values)
            filters[field.name] = {"not": values} if value.negated else values
    if question.weekdays:
        filters["weekdays"] = sorted(question.weekdays)
    asked: Json = {"params": [{"kpi": kpi, **param} for kpi in kpis]}
    return asked | ({"filters": filters} if filters else {})


async def asked(
    world: World, module: Module, kpis: tuple[str, ...], question: Question, *, alias: int = 0
) -> list[Any]:
    """The `data` of the answer to each KPI, without the properties that were asked for."""
    period: dict[str, Any] = {"from": question.first.isoformat(), "to": question.last.isoformat()}
    if module is not Module.PRESENCE:
        period["uplift"] = str(question.uplift).lower()
    response = await world.reader.post(
        path(world, module, question, alias=alias),
        params=period,
        json=body(world, kpis, question, by_key=bool(alias % 2)),
    )
    assert response.status_code == 200, response.text
    found: list[Any] = response.json()
    assert [one["kpi"] for one in found] == list(kpis)
    assert all(one["scope"] == question.scope for one in found)
    return [_data(one["data"], question.scope) for one in found]


def _data(data: Json, scope: str) -> Json:
    if scope == "globals":
        return data
    shown = SHOWN.get(scope, "_id")
    assert all(one[shown] == identifier for identifier, one in data.items())
    return {key: {name: value for name, value in one.items() if name != shown} for key, one in data.items()}
