"""Applications with the rows of a known truth, and questions to them over HTTP."""

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

from tests.api.analytics_conversion import build_campaigns, build_levers, key_campaigns
from tests.api.server import Server, Tenant
from tests.by_hand.question import Filter, Question
from tests.by_hand.truth import Equipment, Place, Study, Truth
from tests.engine.stores import fill

PROPERTIES = {"homes": "code", "works": "code", "zones": "code", "extras": "name", "channels": "name"}


@dataclass(frozen=True)
class World:
    """An application with the rows of a truth, and its users."""

    tenant: Tenant
    truth: Truth

    @property
    def reader(self) -> httpx.AsyncClient:
        """A user who may read the application."""
        return self.tenant.reader

    def keys_by_id(self) -> dict[str, str]:
        """Return the keys of all resources by id."""
        truth = self.truth
        resources: list[Place | Study | Equipment] = [*truth.sites, *truth.pois, *truth.studies, *truth.equipments]
        return {resource.id: resource.key for resource in resources} | key_campaigns(truth)


async def load_world(server: Server, truth: Truth) -> World:
    """Create an application with the resources and rows of a truth."""
    world = await create_world(server, truth)
    await fill(server.services.store, world.tenant.id, truth)
    return world


async def create_world(server: Server, truth: Truth) -> World:
    """Create an application with the resources of a truth, without rows."""
    tenant = await server.create_tenant(timezone=truth.timezone)
    store = server.services.store

    def build_document(identifier: str, key: str, **more: Any) -> Json:
        return {**server.services.sites.build_document(tenant.id, {}), "_id": identifier, "key": key, **more}

    await store.insert(SITES, [build_document(**_place_fields(site), names=[site.key]) for site in truth.sites])
    await store.insert(POIS, [build_document(**_place_fields(poi)) for poi in truth.pois])
    equipments = [
        build_document(equipment.id, equipment.key, site=equipment.site, name=equipment.key, active=True)
        for equipment in truth.equipments
    ]
    if equipments:
        await store.insert(EQUIPMENTS, equipments)
    await store.insert(STUDIES, [build_document(**_study_fields(study)) for study in truth.studies])
    await store.insert(LEVERS, build_levers(truth, build_document))
    await store.insert(CAMPAIGNS, build_campaigns(truth, build_document))
    return World(tenant, truth)


def _place_fields(place: Place) -> dict[str, Any]:
    cells = compute_cells(place.coordinates, 70) if place.coordinates else {}
    return {
        "identifier": place.id,
        "key": place.key,
        "name": place.name,
        "active": place.active,
        "online": place.online,
        **({"timezone": place.timezone} if place.timezone else {}),
        **({"tags": sorted(place.tags)} if place.tags else {}),
        **({"coordinates": list(place.coordinates)} if place.coordinates else {}),
        **cells,
    }


def _study_fields(study: Study) -> dict[str, Any]:
    days = {"from": study.first, "to": study.last}
    return {
        "identifier": study.id,
        "key": study.key,
        "sites": list(study.sites),
        "pois": list(study.pois),
        **{side: day.isoformat() for side, day in days.items() if day},
    }


# -- questions as requests -----------------------------------------------------------------------------------------

PATH_SUFFIXES = {
    Module.GEO_MARKETING: "/studies/{study}/geo-marketing/analytics",
    Module.CONVERSION: "/conversions/levers/analytics",
    Module.PRESENCE: "/presence/analytics",
    Module.PERFORMANCE: "/performance/analytics",
}


def build_path(world: World, module: Module, question: Question, *, alias: int = 0) -> str:
    """Return one of the paths of a question; `alias` chooses path aliases, and ids or keys."""
    keys = world.keys_by_id()
    suffix = PATH_SUFFIXES[module]
    without_application = question.site is not None and alias % 3 == 0
    if question.study:
        by_id = without_application or alias % 2
        suffix = suffix.format(study=question.study if by_id else quote_segment(keys[question.study]))
    application = ("/applications/", "/a/")[alias % 2] + (world.tenant.id, world.tenant.key)[alias // 2 % 2]
    if question.site is None:
        return application + suffix
    if without_application:
        return ("/sites/", "/s/")[alias % 2] + question.site + suffix
    site = question.site if alias % 4 == 1 else quote_segment(keys[question.site])
    return application + ("/sites/", "/s/")[alias // 3 % 2] + site + suffix


def quote_segment(key: str) -> str:
    """Encode a key as one segment of a path."""
    return httpx.URL("http://x/", params={"k": key}).query.decode().removeprefix("k=").replace("+", "%20")


def build_body(world: World, kpis: tuple[str, ...], question: Question, *, by_key: bool = False) -> Json:
    """Return the body of a question: each KPI by the scope of the question."""
    names = world.keys_by_id() if by_key else {}
    param: Json = {"mode": question.mode, "granularity": question.granularity}
    if question.scope != "globals":
        properties = [PROPERTIES.get(question.scope, "_id")]
        param |= {"globals": False, question.scope: {"properties": properties} if by_key else True}
    filters: Json = {}
    for field in fields(question):
        value = getattr(question, field.name)
        if isinstance(value, Filter):
            values = sorted(names.get(name, name) for name in value.values)
            filters[field.name] = {"not": values} if value.negated else values
    if question.weekdays:
        filters["weekdays"] = sorted(question.weekdays)
    params = [{"kpi": kpi, **param} for kpi in kpis]
    return {"params": params, "filters": filters} if filters else {"params": params}


async def ask(world: World, module: Module, kpis: tuple[str, ...], question: Question, *, alias: int = 0) -> list[Any]:
    """Return the `data` of the answer to each KPI, without the requested properties."""
    parameters: dict[str, Any] = {"from": question.first.isoformat(), "to": question.last.isoformat()}
    if module is not Module.PRESENCE:
        parameters["uplift"] = str(question.uplift).lower()
    response = await world.reader.post(
        build_path(world, module, question, alias=alias),
        params=parameters,
        json=build_body(world, kpis, question, by_key=bool(alias % 2)),
    )
    assert response.status_code == 200, response.text
    results: list[Any] = response.json()
    assert [result["kpi"] for result in results] == list(kpis)
    assert all(result["scope"] == question.scope for result in results)
    return [_without_properties(result["data"], question.scope) for result in results]


def _without_properties(data: Json, scope: str) -> Json:
    if scope == "globals":
        return data
    property_name = PROPERTIES.get(scope, "_id")
    assert all(row[property_name] == identifier for identifier, row in data.items())
    return {
        identifier: {name: value for name, value in row.items() if name != property_name}
        for identifier, row in data.items()
    }
