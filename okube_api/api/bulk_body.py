"""Bodies that are a list: each element creates a resource, or updates the one with its key; all or nothing."""

from collections.abc import Collection, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import Discriminator, Field, Tag
from starlette.responses import Response

from okube_api.api.access import Creator
from okube_api.errors import Impossible
from okube_api.http.pagination import json_response
from okube_api.kit.bulk_upsert import BulkUpsert
from okube_api.kit.schemas import Answer, Body
from okube_api.kit.validated_repository import ValidatedRepository
from okube_api.store.values import Json

Element = TypeVar("Element", bound=Body)

MAX_ELEMENTS = 10_000


def _select_tag(body: object) -> str:
    return "@many" if isinstance(body, list) else "@one"


OneOrMany = Annotated[
    Annotated[Element, Tag("@one")]
    | Annotated[list[Element], Field(min_length=1, max_length=MAX_ELEMENTS), Tag("@many")],
    Discriminator(_select_tag),
]
"""A body that is an object, or a list of them."""


async def upsert_list(
    elements: Sequence[Any], creator: Creator, resources: ValidatedRepository, without: Collection[str]
) -> list[Json]:
    """Create or update the resources of a list, and return their documents in its order.

    elements: bodies with the field `app`, which is the same in all.
    without: fields that are not stored.
    Raise a refusal whose faults point at the elements.
    """
    first = elements[0].app
    for index, element in enumerate(elements):
        if element.app != first:
            message = "All elements of a list must have the same 'app'."
            raise Impossible.at("body", f"/{index}/app", message)
    access = await creator.load_access(first, "/0")
    fields = [element.dump_set_fields(without=without) for element in elements]
    return await BulkUpsert(resources, access.application, ("key",)).upsert_all(fields)


def answer_list(documents: Sequence[Json], answer: type[Answer]) -> Response:
    """Return the answer (201) with the resources of a list."""
    return json_response([answer.render(document) for document in documents], 201)
