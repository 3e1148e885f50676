"""Bodies that are a list: each element creates a resource, or updates the one with its key; all or nothing."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import Discriminator, Field, Tag
from starlette.responses import Response

from okube_api.api.access import Creator
from okube_api.errors import Impossible
from okube_api.http.etags import answer_with_etag
from okube_api.http.pagination import json_response
from okube_api.kit.bulk_upsert import BulkUpsert, RenderStored
from okube_api.kit.schemas import Answer, Body, UpdateBody
from okube_api.kit.validated_repository import ValidatedRepository
from okube_api.store.values import Json

Creation = TypeVar("Creation", bound=Body)
Element = TypeVar("Element", bound=UpdateBody)
Render = Callable[[Json], Awaitable[Json]]

MAX_ELEMENTS = 10_000
_NOT_STORED = frozenset({"app", "lever"})


def _select_tag(body: object) -> str:
    return "@many" if isinstance(body, list) else "@one"


OneOrMany = Annotated[
    Annotated[Creation, Tag("@one")]
    | Annotated[list[Element], Field(min_length=1, max_length=MAX_ELEMENTS), Tag("@many")],
    Discriminator(_select_tag),
]
"""A body that is a new resource, or a list of new and updated ones.  Both models have the field `app`."""


async def create_one_or_many(
    body: Any,
    creator: Creator,
    resources: ValidatedRepository,
    answer: type[Answer],
    *,
    render: Render,
    render_element: Render,
    render_stored: RenderStored,
) -> Response:
    """Create the resource of a body, or create and update those of a list; return the answer (201).

    render: returns what the answer has for a document; `render_element` does so for one of a list.
    Raise a refusal whose faults point at the fields or elements.
    """
    if isinstance(body, list):
        application = (await creator.load_access(_find_application(body), "/0")).application
        documents = await BulkUpsert(resources, application, ("key",)).upsert_bodies(body, render_stored)
        return json_response([answer.render(await render_element(document)) for document in documents], 201)
    access = await creator.load_access(body.app)
    document = await resources.create(access.application, body.dump_set_fields(without=_NOT_STORED))
    return answer_with_etag(await render(document), answer, 201)


def _find_application(elements: Sequence[Any]) -> str | None:
    """Return the `app` of the elements.  Raise Impossible when it is not the same in all."""
    first: str | None = elements[0].app
    for index, element in enumerate(elements):
        if element.app != first:
            raise Impossible.at("body", f"/{index}/app", "All elements of a list must have the same 'app'.")
    return first
