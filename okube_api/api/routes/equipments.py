"""Routes of the equipments of a site; administrators may change them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import ResourceAccess, SiteInPath, SiteToRead, load_in_app
from okube_api.api.aliases import register_aliased, under_applications
from okube_api.api.container import Services, ServicesDep
from okube_api.api.file_export import LIST_RESPONSE, export_list, open_list
from okube_api.api.file_format import AcceptedTable
from okube_api.api.openapi import CREATED, refusals
from okube_api.api.route import ApiRoute
from okube_api.auth.repository import Role
from okube_api.equipments.repository import match_site
from okube_api.equipments.schemas import EquipmentAnswer, EquipmentCreate, EquipmentQuery, EquipmentUpdate
from okube_api.errors import NotFound
from okube_api.http.etags import IfMatch, answer_with_etag, parse_if_match
from okube_api.http.pagination import Page, answer_page
from okube_api.kit.schemas import UNSET
from okube_api.store.values import Json

router = APIRouter(route_class=ApiRoute, tags=["sites"])

_UNDER_SITES = ("/sites/{site}/equipments", "/s/{site}/equipments")
LIST = (*under_applications(*_UNDER_SITES), *_UNDER_SITES)
ITEM = tuple(f"{path}/{{equipment}}" for path in LIST)

EquipmentInPath = Annotated[str, Path(description="Id or key of the equipment.")]


async def load_site_to_administer(request: Request, site: SiteInPath, services: ServicesDep) -> ResourceAccess:
    """Return the access to the site of the path, for an administrator."""
    return await load_in_app(request, services, services.sites, site, Role.ADMIN)


SiteToAdminister = Annotated[ResourceAccess, Depends(load_site_to_administer)]


async def _load_equipment(services: Services, site: Json, id_or_key: str) -> Json:
    """Return an equipment of the site.  Raise NotFound for one of another site."""
    equipment = await services.equipments.get(site["application"], id_or_key)
    if equipment["site"] != site["_id"]:
        raise NotFound("equipment", id_or_key)
    return equipment


@register_aliased(
    router, "GET", LIST, response_model=Page[EquipmentAnswer], responses={200: LIST_RESPONSE, **refusals(404)}
)
async def list_equipments(
    request: Request,
    query: Annotated[EquipmentQuery, Query()],
    access: SiteToRead,
    services: ServicesDep,
    accepted: AcceptedTable,
) -> Response:
    """List the equipments of a site, page by page, or completely as a file."""
    where = match_site(access.site) & query.to_condition()
    if (chosen := accepted.prefer(query.file_format)).is_file:
        return await export_list(request, await open_list(services.equipments, where, EquipmentAnswer), chosen, query)
    return answer_page(await services.equipments.find_page(where, query.paging), query.paging, EquipmentAnswer)


@register_aliased(
    router, "POST", LIST, status_code=201, response_model=EquipmentAnswer, responses=CREATED | refusals(404, 422)
)
async def create_equipment(body: EquipmentCreate, access: SiteToAdminister, services: ServicesDep) -> Response:
    """Create an equipment in a site."""
    fields = body.dump_set_fields() | {"site": access.document["_id"]}
    return answer_with_etag(await services.equipments.create(access.application, fields), EquipmentAnswer, 201)


@register_aliased(router, "GET", ITEM, response_model=EquipmentAnswer, responses=refusals(404))
async def get_equipment(equipment: EquipmentInPath, access: SiteToRead, services: ServicesDep) -> Response:
    """Return an equipment."""
    return answer_with_etag(await _load_equipment(services, access.site, equipment), EquipmentAnswer)


@register_aliased(router, "PUT PATCH", ITEM, response_model=EquipmentAnswer, responses=refusals(404, 412, 422))
async def update_equipment(
    body: EquipmentUpdate,
    equipment: EquipmentInPath,
    access: SiteToAdminister,
    services: ServicesDep,
    if_match: IfMatch = UNSET,
) -> Response:
    """Change the fields in the body and no others."""
    document = await _load_equipment(services, access.document, equipment)
    changed = await services.equipments.update(
        access.application, document, body.list_changes(EquipmentAnswer.render(document)), parse_if_match(if_match)
    )
    return answer_with_etag(changed, EquipmentAnswer)


@register_aliased(router, "DELETE", ITEM, status_code=204, responses=refusals(404, 412))
async def delete_equipment(
    equipment: EquipmentInPath, access: SiteToAdminister, services: ServicesDep, if_match: IfMatch = UNSET
) -> None:
    """Delete an equipment."""
    await services.cascade_delete.delete_equipment(
        await _load_equipment(services, access.document, equipment), parse_if_match(if_match)
    )
