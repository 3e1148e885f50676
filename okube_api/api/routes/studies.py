"""Studies over HTTP."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import CanCreate, Held, Readable, reach
from okube_api.api.aliases import aliased, under_applications
from okube_api.api.bulk_body import OneOrMany, answered, create_or_update
from okube_api.api.container import Services, ServicesHere
from okube_api.api.csv_export import CSV_ANSWER, CsvWanted, exported
from okube_api.api.csv_import import Partial, TableOf, take_table
from okube_api.api.multipart import multipart
from okube_api.api.openapi import CREATED, refusals
from okube_api.api.route import ApiRoute
from okube_api.auth.repository import Role
from okube_api.http.etags import IfMatch, matching, tagged
from okube_api.http.pagination import Page, paginated
from okube_api.kit.repository import Found
from okube_api.kit.schemas import UNSET
from okube_api.store.base import Json
from okube_api.studies.schemas import StudyAnswer, StudyCreate, StudyQuery, StudyUpdate, completed

router = APIRouter(route_class=ApiRoute, tags=["studies"])

LIST = ("/studies", *under_applications("/studies"))
ONE = ("/studies/{study}", *under_applications("/studies/{study}"))

TABLE = TableOf(StudyUpdate, StudyAnswer, ("key",))

StudyInPath = Annotated[str, Path(description="The study's id; under an application, its id or key.")]


async def study_to_read(request: Request, study: StudyInPath, shared: ServicesHere) -> Held:
    """The study of the path, for a reader."""
    return await reach(request, shared, shared.studies, study, Role.READER)


async def study_to_edit(request: Request, study: StudyInPath, shared: ServicesHere) -> Held:
    """The study of the path, for an editor."""
    return await reach(request, shared, shared.studies, study, Role.EDITOR)


StudyToRead = Annotated[Held, Depends(study_to_read)]
StudyToEdit = Annotated[Held, Depends(study_to_edit)]


@aliased(router, "GET", LIST, response_model=Page[StudyAnswer], responses={200: CSV_ANSWER, **refusals(404, 422)})
async def list_studies(
    query: Annotated[StudyQuery, Query()], readable: Readable, shared: ServicesHere, csv: CsvWanted
) -> Response:
    """The studies of an application, or of all those that one may read, a page at a time, or whole as CSV."""
    where = readable & query.condition()
    for field, named in (("sites", query.sites), ("pois", query.pois)):
        where &= await shared.studies.naming(readable, field, named)
    if csv:
        whole = partial(_whole, shared=shared)
        return await exported(shared.studies, where, StudyAnswer, media=csv, encoding=query.encoding, shown=whole)
    found = await shared.studies.page(where, query.paging)
    return paginated(Found([_whole(one, shared) for one in found.documents], found.total), query.paging, StudyAnswer)


@multipart(router, "POST", LIST)
async def import_studies(
    request: Request, creator: CanCreate, shared: ServicesHere, partial: Partial = False
) -> Response:
    """Many studies, as a table."""
    return await take_table(request, creator, shared.studies, TABLE, partial=partial)


@aliased(
    router,
    "POST",
    LIST,
    status_code=201,
    response_model=StudyAnswer | list[StudyAnswer],
    responses=CREATED | refusals(404, 422),
)  # the file is said in words: generated clients cannot tell a list from another media type
async def create_study(body: OneOrMany[StudyCreate], creator: CanCreate, shared: ServicesHere) -> Response:
    """A new study; or a list of them, or a CSV file (`multipart/form-data`, `file`) whose columns are named like the
    fields.

    A list or a file also updates the studies whose key exists, all or nothing.  A list is answered by the studies in
    order; a file (200) by how many were created and updated.
    """
    if isinstance(body, list):
        made = await create_or_update(body, creator, shared.studies, {"app"})
        return answered([_whole(one, shared) for one in made], StudyAnswer)
    caller = await creator.caller(body.app)
    study = await shared.studies.create(caller.application, body.named(without={"app"}))
    return tagged(_whole(study, shared), StudyAnswer, 201)


@aliased(router, "GET", ONE, response_model=StudyAnswer, responses=refusals(404))
async def get_study(held: StudyToRead, shared: ServicesHere) -> Response:
    """One study."""
    return tagged(_whole(held.document, shared), StudyAnswer)


@aliased(router, "PUT PATCH", ONE, response_model=StudyAnswer, responses=refusals(404, 412, 422))
async def update_study(
    body: StudyUpdate, held: StudyToEdit, shared: ServicesHere, if_match: IfMatch = UNSET
) -> Response:
    """Changes the fields named in the body, and no others."""
    study = await shared.studies.update(held.application, held.document, body.named(), matching(if_match))
    return tagged(_whole(study, shared), StudyAnswer)


@aliased(router, "DELETE", ONE, status_code=204, responses=refusals(404, 412))
async def delete_study(held: StudyToEdit, shared: ServicesHere, if_match: IfMatch = UNSET) -> None:
    """Takes a study away."""
    await shared.studies.remove(held.document, matching(if_match))


def _whole(study: Json, shared: Services) -> Json:
    return completed(study, shared.clock().date().isoformat())
