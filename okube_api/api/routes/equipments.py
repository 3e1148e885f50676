"""Equipments over HTTP, below their site; they are for administrators to change."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import Held, SiteInPath, SiteToRead, reach
from okube_api.api.aliases import aliased, under_applications
from okube_api.api.container import Services, ServicesHere
from okube_api.api.openapi import CREATED, refusals
from okube_api.api.route import ApiRoute
from okube_api.auth.repository import Role
from okube_api.equipments.repository import within
from okube_api.equipments.schemas import EquipmentAnswer, EquipmentCreate, EquipmentQuery, EquipmentUpdate
from okube_api.errors import NotFound
from okube_api.http.etags import IfMatch, matching, tagged
from okube_api.http.pagination import Page, paginated
from okube_api.kit.schemas import UNSET
from okube_api.store.base import Json

router = APIRouter(route_class=ApiRoute, tags=["sites"])

_BELOW = "/equipments"
_SITES = ("/sites/{site}", "/s/{site}")
LIST = (
    *under_applications(*(f"{site}{_BELOW}" for site in _SITES)),
    *(f"{site}{_BELOW}" for site in _SITES),
)
ONE = tuple(f"{path}/{{equipment}}" for path in LIST)

EquipmentInPath = Annotated[str, Path(description="The equipment's id or key.")]


async def site_to_furnish(request: Request, site: SiteInPath, shared: ServicesHere) -> Held:
    """The site of the path, for an administrator."""
    return await reach(request, shared, shared.sites, site, Role.ADMIN)


SiteToFurnish = Annotated[Held, Depends(site_to_furnish)]


async def _equipment(shared: Services, site: Json, id_or_key: str) -> Json:
    found = await shared.equipments.get(site["application"], id_or_key)
    if found["site"] != site["_id"]:
        raise NotFound("equipment", id_or_key)
    return found


@aliased(router, "GET", LIST, response_model=Page[EquipmentAnswer], responses=refusals(404))
async def list_equipments(
    query: Annotated[EquipmentQuery, Query()], caller: SiteToRead, shared: ServicesHere
) -> Response:
    """The equipments of a site, a page at a time."""
    where = within(caller.site) & query.condition()
    return paginated(await shared.equipments.page(where, query.paging), query.paging, EquipmentAnswer)


@aliased(router, "POST", LIST, status_code=201, response_model=EquipmentAnswer, responses=CREATED | refusals(404, 422))
async def create_equipment(body: EquipmentCreate, held: SiteToFurnish, shared: ServicesHere) -> Response:
    """A new equipment in the site."""
    fields = body.named() | {"site": held.document["_id"]}
    return tagged(await shared.equipments.create(held.application, fields), EquipmentAnswer, 201)


@aliased(router, "GET", ONE, response_model=EquipmentAnswer, responses=refusals(404))
async def get_equipment(equipment: EquipmentInPath, caller: SiteToRead, shared: ServicesHere) -> Response:
    """One equipment."""
    return tagged(await _equipment(shared, caller.site, equipment), EquipmentAnswer)


@aliased(router, "PUT PATCH", ONE, response_model=EquipmentAnswer, responses=refusals(404, 412, 422))
async def update_equipment(
    body: EquipmentUpdate,
    equipment: EquipmentInPath,
    held: SiteToFurnish,
    shared: ServicesHere,
    if_match: IfMatch = UNSET,
) -> Response:
    """Changes the fields named in the body, and no others."""
    found = await _equipment(shared, held.document, equipment)
    changed = await shared.equipments.update(held.application, found, body.named(), matching(if_match))
    return tagged(changed, EquipmentAnswer)


@aliased(router, "DELETE", ONE, status_code=204, responses=refusals(404, 412))
async def delete_equipment(
    equipment: EquipmentInPath, held: SiteToFurnish, shared: ServicesHere, if_match: IfMatch = UNSET
) -> None:
    """Takes an equipment away."""
    await shared.deletion.equipment(await _equipment(shared, held.document, equipment), matching(if_match))
