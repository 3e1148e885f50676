"""Routes of studies."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import CanCreate, Readable, ResourceAccess, get_identity, load_access, load_in_app
from okube_api.api.aliases import register_aliased, under_applications
from okube_api.api.bulk_body import OneOrMany, create_one_or_many
from okube_api.api.container import Services, ServicesDep
from okube_api.api.csv_import import DryRun, Partial, TableSpec, import_table
from okube_api.api.file_export import LIST_RESPONSE, export_list, open_list
from okube_api.api.file_format import AcceptedTable
from okube_api.api.multipart import register_multipart
from okube_api.api.openapi import CREATED, refusals
from okube_api.api.period_filter import match_shifted_days
from okube_api.api.route import ApiRoute
from okube_api.api.table_form import build_table_fields
from okube_api.auth.repository import Role, User
from okube_api.errors import AmbiguousKey, NotFound
from okube_api.http.etags import IfMatch, answer_with_etag, parse_if_match
from okube_api.http.pagination import Page, answer_page
from okube_api.kit.repository import DocumentPage
from okube_api.kit.schemas import UNSET, UpdateBody
from okube_api.store.values import Json
from okube_api.studies import everywhere
from okube_api.studies.results import read_study_results
from okube_api.studies.schemas import (
    StudyAnswer,
    StudyCreate,
    StudyElement,
    StudyQuery,
    StudyRow,
    StudyUpdate,
    add_derived_fields,
)

router = APIRouter(route_class=ApiRoute, tags=["studies"])

LIST = ("/studies", *under_applications("/studies"))
ITEM = ("/studies/{study}", *under_applications("/studies/{study}"))

TABLE = TableSpec(StudyUpdate, StudyAnswer, ("key",), build_table_fields("StudyTable", StudyUpdate))

StudyInPath = Annotated[
    str,
    Path(description="Id or key of the study. Without an application, exactly one that you may read must have it."),
]


async def load_study_to_read(request: Request, study: StudyInPath, services: ServicesDep) -> ResourceAccess:
    """Return the access to the study of the path, for a reader."""
    try:
        return await load_in_app(request, services, services.studies, study, Role.READER, accept_keys=True)
    except NotFound:
        if study != everywhere.KEY or "application" in request.path_params:
            raise
    return await _load_study_everywhere(get_identity(request).user, services)


async def _load_study_everywhere(user: User, services: Services) -> ResourceAccess:
    """Return the access to the study `all` of the only application that a user may read.

    Raise AmbiguousKey when there are several, NotFound when there is none.
    """
    applications = await services.applications.find_all(user.applications)
    if not applications:
        raise NotFound(services.studies.kind, everywhere.KEY)
    if len(applications) > 1:
        keys = [application["key"] for application in applications]
        raise AmbiguousKey(services.studies.kind, everywhere.KEY, keys)
    access = await load_access(services, user, applications[0]["_id"], Role.READER)
    document = await services.studies.get(access.application.id, everywhere.KEY)
    return ResourceAccess(user, access.role, access.application, document)


async def load_study_to_edit(request: Request, study: StudyInPath, services: ServicesDep) -> ResourceAccess:
    """Return the access to the study of the path, for an editor.  Raise NotFound for one that is not stored."""
    access = await load_in_app(request, services, services.studies, study, Role.EDITOR, accept_keys=True)
    if everywhere.covers_all(access.document):
        hint = (
            f"The study '{everywhere.KEY}' of all active sites and points of interest cannot be changed or deleted. "
            "Create a study with this key to replace it."
        )
        raise NotFound(services.studies.kind, study, hint)
    return access


StudyToRead = Annotated[ResourceAccess, Depends(load_study_to_read)]
StudyToEdit = Annotated[ResourceAccess, Depends(load_study_to_edit)]


@register_aliased(
    router, "GET", LIST, response_model=Page[StudyAnswer], responses={200: LIST_RESPONSE, **refusals(404, 422)}
)
async def list_studies(
    request: Request,
    query: Annotated[StudyQuery, Query()],
    readable: Readable,
    services: ServicesDep,
    accepted: AcceptedTable,
) -> Response:
    """List the studies of one application or of all that you may read, page by page, or completely as a file."""
    where = readable & query.to_condition() & await match_shifted_days(query, readable, services)
    for field, names in (("sites", query.sites), ("pois", query.pois)):
        where &= await services.studies.match_places(readable, field, names)
    if (chosen := accepted.prefer(query.file_format)).is_file:
        complete = partial(_complete, services=services)
        return await export_list(request, await open_list(services.studies, where, StudyRow, complete), chosen, query)
    page = await services.studies.find_page(where, query.paging)
    studies = [
        await _add_results(study, services) if query.with_results else _complete(study, services)
        for study in page.documents
    ]
    return answer_page(DocumentPage(studies, page.total), query.paging, StudyAnswer)


@register_multipart(router, "POST", LIST)
async def import_studies(
    request: Request,
    creator: CanCreate,
    services: ServicesDep,
    *,
    partial: Partial = False,
    dry_run: DryRun = False,
) -> Response:
    """Import studies from a table."""
    return await import_table(request, creator, services.studies, TABLE, partial=partial, dry_run=dry_run)


@register_aliased(
    router,
    "POST",
    LIST,
    status_code=201,
    response_model=StudyAnswer | list[StudyAnswer],
    responses=CREATED | refusals(404, 422),
    openapi_extra=TABLE.openapi_body,
)
async def create_study(
    body: OneOrMany[StudyCreate, StudyElement], creator: CanCreate, services: ServicesDep
) -> Response:
    """Create a study, a list of studies, or the studies of a CSV file.

    Send a file as `multipart/form-data` in the field `file`, with columns named like the fields.
    A list or file also updates studies whose `_id` or key exists; answers of studies are valid elements.
    All elements are written or none, except for a file with `partial=true` in the query.
    The answer to a list has the studies in its order; the answer to a file (200) has the
    numbers of created and updated studies.
    """

    async def render_element(study: Json) -> Json:
        return _complete(study, services)

    return await create_one_or_many(
        body,
        creator,
        services.studies,
        StudyAnswer,
        render=partial(_add_results, services=services),
        render_element=render_element,
        render_stored=partial(_render_stored, services=services),
    )


@register_aliased(router, "GET", ITEM, response_model=StudyAnswer, responses=refusals(404, 409))
async def get_study(access: StudyToRead, services: ServicesDep) -> Response:
    """Return a study.

    Each application has a study `all` of its active sites and points of interest, unless it stores one with this key.
    That study is not in lists, and cannot be changed or deleted.
    """
    study = await services.studies.list_places(access.document)
    return answer_with_etag(await _add_results(study, services), StudyAnswer)


@register_aliased(router, "PUT PATCH", ITEM, response_model=StudyAnswer, responses=refusals(404, 412, 422))
async def update_study(
    body: StudyUpdate, access: StudyToEdit, services: ServicesDep, if_match: IfMatch = UNSET
) -> Response:
    """Change the fields in the body and no others.

    An answer of the study is a valid body: fields with their current value do not change, and read-only
    fields are accepted with their current value only.
    """
    answer = await _render_stored(access.document, body, services)
    study = await services.studies.update(
        access.application, access.document, body.list_changes(answer), parse_if_match(if_match)
    )
    return answer_with_etag(await _add_results(study, services), StudyAnswer)


@register_aliased(router, "DELETE", ITEM, status_code=204, responses=refusals(404, 412))
async def delete_study(access: StudyToEdit, services: ServicesDep, if_match: IfMatch = UNSET) -> None:
    """Delete a study."""
    await services.studies.remove(access.document, parse_if_match(if_match))


async def _render_stored(study: Json, body: UpdateBody, services: Services) -> Json:
    """Return the answer of a study, with its results only if the body has some: they take some queries."""
    has_results = body.read_only_values.get("results")
    return StudyAnswer.render(await _add_results(study, services) if has_results else _complete(study, services))


async def _add_results(study: Json, services: Services) -> Json:
    """Return a study with its derived fields and its results."""
    return _complete(study, services) | {"results": await read_study_results(services.store, study)}


def _complete(study: Json, services: Services) -> Json:
    return add_derived_fields(study, services.clock().date().isoformat())
