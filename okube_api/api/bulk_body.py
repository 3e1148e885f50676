"""Bodies that are a list: each element creates a resource, or updates the one whose key it has; all, or none."""

from collections.abc import Collection, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import Discriminator, Field, Tag
from starlette.responses import Response

from okube_api.api.access import Creator
from okube_api.errors import Impossible
from okube_api.http.pagination import as_json
from okube_api.kit.bulk_upsert import Bulk
from okube_api.kit.schemas import Answer, Body
from okube_api.kit.validated_repository import Making
from okube_api.store.base import Json

Element = TypeVar("Element", bound=Body)

MOST_ELEMENTS = 10_000


def _which(body: object) -> str:
    return "@many" if isinstance(body, list) else "@one"


OneOrMany = Annotated[
    Annotated[Element, Tag("@one")]
    | Annotated[list[Element], Field(min_length=1, max_length=MOST_ELEMENTS), Tag("@many")],
    Discriminator(_which),
]
"""A body that is an object, or a list of them."""


async def create_or_update(
    elements: Sequence[Any], creator: Creator, resources: Making, without: Collection[str]
) -> list[Json]:
    """The resources that a list makes, in its order.

    elements: bodies with an `app`, the same in each when the path names no application.  without: fields that are
    only for the route.  Raises refusals that point at the elements.
    """
    first = elements[0].app
    for index, element in enumerate(elements):
        if element.app != first:
            message = "All elements of a list belong to one application."
            raise Impossible.at("body", f"/{index}/app", message)
    caller = await creator.caller(first, "/0")
    fields = [element.named(without=without) for element in elements]
    return await Bulk(resources, caller.application, ("key",)).upsert(fields)


def answered(documents: Sequence[Json], answer: type[Answer]) -> Response:
    """Resources that a list has made."""
    return as_json([answer.shown(document) for document in documents], 201)
