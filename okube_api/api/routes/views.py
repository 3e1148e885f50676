"""Routes of views: everybody keeps own ones, editors share them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from okube_api.api.access import CanRead, ResourceAccess, require_role
from okube_api.api.aliases import register_aliased, under_applications
from okube_api.api.container import Services, ServicesDep
from okube_api.api.openapi import CREATED, refusals
from okube_api.api.route import ApiRoute
from okube_api.auth.repository import Role
from okube_api.errors import Forbidden
from okube_api.http.etags import IfMatch, answer_with_etag, parse_if_match
from okube_api.http.pagination import Page, answer_page
from okube_api.kit.repository import DocumentPage
from okube_api.kit.schemas import UNSET
from okube_api.store.values import Json
from okube_api.views.repository import match_visible
from okube_api.views.schemas import ViewAnswer, ViewCreate, ViewQuery, ViewUpdate

router = APIRouter(route_class=ApiRoute, tags=["views"])

LIST = under_applications("/views")
ITEM = under_applications("/views/{view}")

ViewInPath = Annotated[str, Path(description="Id of the view.")]


async def load_view(view: ViewInPath, access: CanRead, services: ServicesDep) -> ResourceAccess:
    """Return the access to the view of the path, for a user who sees it."""
    document = await services.views.get_visible(access.application.id, access.user.id, view)
    return ResourceAccess(access.user, access.role, access.application, document)


ViewToRead = Annotated[ResourceAccess, Depends(load_view)]


async def load_view_to_change(access: ViewToRead) -> ResourceAccess:
    """Return the access to the view of the path, for its owner or an administrator.  Raise Forbidden for others."""
    if access.document["owner"] != access.user.id and not access.role.includes(Role.ADMIN):
        raise Forbidden("Only the owner of a view and administrators of the application may change it.")
    return access


ViewToChange = Annotated[ResourceAccess, Depends(load_view_to_change)]


@register_aliased(router, "GET", LIST, response_model=Page[ViewAnswer], responses=refusals(404))
async def list_views(query: Annotated[ViewQuery, Query()], access: CanRead, services: ServicesDep) -> Response:
    """List your own views and the shared ones, page by page."""
    where = match_visible(access.application.id, access.user.id) & query.to_condition()
    page = await services.views.find_page(where, query.paging)
    return answer_page(DocumentPage(await _add_owners(page.documents, services), page.total), query.paging, ViewAnswer)


@register_aliased(
    router, "POST", LIST, status_code=201, response_model=ViewAnswer, responses=CREATED | refusals(404, 422)
)
async def create_view(body: ViewCreate, access: CanRead, services: ServicesDep) -> Response:
    """Save a view; you are its owner. A user may have 1,000 views in an application."""
    fields = body.dump_set_fields()
    if fields.get("shared"):
        require_role(access.role, Role.EDITOR, access.application.id)
    view = await services.views.create(access.application.id, access.user.id, fields)
    return await _answer_view(view, services, 201)


@register_aliased(router, "GET", ITEM, response_model=ViewAnswer, responses=refusals(404))
async def get_view(access: ViewToRead, services: ServicesDep) -> Response:
    """Return a view: one of your own, or a shared one."""
    return await _answer_view(access.document, services)


@register_aliased(router, "PUT PATCH", ITEM, response_model=ViewAnswer, responses=refusals(404, 412))
async def update_view(
    body: ViewUpdate, access: ViewToChange, services: ServicesDep, if_match: IfMatch = UNSET
) -> Response:
    """Change the fields in the body and no others; for the owner of the view and administrators.

    What is or becomes shared requires the role `editor`.
    """
    (view,) = await _add_owners([access.document], services)
    changes = body.list_changes(ViewAnswer.render(view))
    if changes and changes.get("shared", view["shared"]):
        require_role(access.role, Role.EDITOR, access.application.id)
    changed = await services.views.update(access.document, changes, parse_if_match(if_match))
    return await _answer_view(changed, services)


@register_aliased(router, "DELETE", ITEM, status_code=204, responses=refusals(404, 412))
async def delete_view(access: ViewToChange, services: ServicesDep, if_match: IfMatch = UNSET) -> None:
    """Delete a view; for its owner and administrators."""
    await services.views.remove(access.document, parse_if_match(if_match))


async def _answer_view(view: Json, services: Services, status: int = 200) -> Response:
    (complete,) = await _add_owners([view], services)
    return answer_with_etag(complete, ViewAnswer, status)


async def _add_owners(views: list[Json], services: Services) -> list[Json]:
    """Return views with the names of their owners."""
    names = await services.sessions.users.find_names({view["owner"] for view in views})
    return [view | {"owner": {"_id": view["owner"], "name": names.get(view["owner"], "")}} for view in views]
