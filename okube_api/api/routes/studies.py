"""Studies over HTTP."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import CanCreate, Readable, ResourceAccess, load_in_app
from okube_api.api.aliases import register_aliased, under_applications
from okube_api.api.bulk_body import OneOrMany, answer_list, upsert_list
from okube_api.api.container import Services, ServicesDep
from okube_api.api.csv_export import CSV_RESPONSE, CsvMediaType, export_csv
from okube_api.api.csv_import import Partial, TableSpec, import_table
from okube_api.api.multipart import register_multipart
from okube_api.api.openapi import CREATED, refusals
from okube_api.api.route import ApiRoute
from okube_api.auth.repository import Role
from okube_api.http.etags import IfMatch, answer_with_etag, parse_if_match
from okube_api.http.pagination import Page, answer_page
from okube_api.kit.repository import DocumentPage
from okube_api.kit.schemas import UNSET
from okube_api.store.values import Json
from okube_api.studies.schemas import StudyAnswer, StudyCreate, StudyQuery, StudyUpdate, add_derived_fields

router = APIRouter(route_class=ApiRoute, tags=["studies"])

LIST = ("/studies", *under_applications("/studies"))
ITEM = ("/studies/{study}", *under_applications("/studies/{study}"))

TABLE = TableSpec(StudyUpdate, StudyAnswer, ("key",))

StudyInPath = Annotated[str, Path(description="The study's id; under an application, its id or key.")]


async def load_study_to_read(request: Request, study: StudyInPath, services: ServicesDep) -> ResourceAccess:
    """The study of the path, for a reader."""
    return await load_in_app(request, services, services.studies, study, Role.READER)


async def load_study_to_edit(request: Request, study: StudyInPath, services: ServicesDep) -> ResourceAccess:
    """The study of the path, for an editor."""
    return await load_in_app(request, services, services.studies, study, Role.EDITOR)


StudyToRead = Annotated[ResourceAccess, Depends(load_study_to_read)]
StudyToEdit = Annotated[ResourceAccess, Depends(load_study_to_edit)]


@register_aliased(
    router, "GET", LIST, response_model=Page[StudyAnswer], responses={200: CSV_RESPONSE, **refusals(404, 422)}
)
async def list_studies(
    query: Annotated[StudyQuery, Query()], readable: Readable, services: ServicesDep, csv: CsvMediaType
) -> Response:
    """The studies of an application, or of all those that one may read, a page at a time, or whole as CSV."""
    where = readable & query.to_condition()
    for field, named in (("sites", query.sites), ("pois", query.pois)):
        where &= await services.studies.match_places(readable, field, named)
    if csv:
        whole = partial(_whole, services=services)
        return await export_csv(services.studies, where, StudyAnswer, media=csv, encoding=query.encoding, shown=whole)
    found = await services.studies.find_page(where, query.paging)
    return answer_page(
        DocumentPage([_whole(one, services) for one in found.documents], found.total), query.paging, StudyAnswer
    )


@register_multipart(router, "POST", LIST)
async def import_studies(
    request: Request, creator: CanCreate, services: ServicesDep, partial: Partial = False
) -> Response:
    """Many studies, as a table."""
    return await import_table(request, creator, services.studies, TABLE, partial=partial)


@register_aliased(
    router,
    "POST",
    LIST,
    status_code=201,
    response_model=StudyAnswer | list[StudyAnswer],
    responses=CREATED | refusals(404, 422),
)  # the file is said in words: generated clients cannot tell a list from another media type
async def create_study(body: OneOrMany[StudyCreate], creator: CanCreate, services: ServicesDep) -> Response:
    """A new study; or a list of them, or a CSV file (`multipart/form-data`, `file`) whose columns are named like the
    fields.

    A list or a file also updates the studies whose key exists, all or nothing.  A list is answered by the studies in
    order; a file (200) by how many were created and updated.
    """
    if isinstance(body, list):
        made = await upsert_list(body, creator, services.studies, {"app"})
        return answer_list([_whole(one, services) for one in made], StudyAnswer)
    access = await creator.load_access(body.app)
    study = await services.studies.create(access.application, body.dump_set_fields(without={"app"}))
    return answer_with_etag(_whole(study, services), StudyAnswer, 201)


@register_aliased(router, "GET", ITEM, response_model=StudyAnswer, responses=refusals(404))
async def get_study(access: StudyToRead, services: ServicesDep) -> Response:
    """One study."""
    return answer_with_etag(_whole(access.document, services), StudyAnswer)


@register_aliased(router, "PUT PATCH", ITEM, response_model=StudyAnswer, responses=refusals(404, 412, 422))
async def update_study(
    body: StudyUpdate, access: StudyToEdit, services: ServicesDep, if_match: IfMatch = UNSET
) -> Response:
    """Changes the fields named in the body, and no others."""
    study = await services.studies.update(
        access.application, access.document, body.dump_set_fields(), parse_if_match(if_match)
    )
    return answer_with_etag(_whole(study, services), StudyAnswer)


@register_aliased(router, "DELETE", ITEM, status_code=204, responses=refusals(404, 412))
async def delete_study(access: StudyToEdit, services: ServicesDep, if_match: IfMatch = UNSET) -> None:
    """Takes a study away."""
    await services.studies.remove(access.document, parse_if_match(if_match))


def _whole(study: Json, services: Services) -> Json:
    return add_derived_fields(study, services.clock().date().isoformat())
