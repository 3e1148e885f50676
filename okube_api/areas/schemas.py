"""Answer models of IRIS areas."""

from typing import Annotated

from pydantic import Field

from okube_api.kit.file_options import PlaceOptions
from okube_api.kit.geometry_schema import GeometryAnswer
from okube_api.kit.list_query import PageQuery
from okube_api.kit.schemas import EMPTY_OBJECT, UNSET, Answer, Identifier, Instant, Text
from okube_api.store.conditions import EVERYTHING, Condition, Contains, OneOf


class AreaAnswer(Answer):
    """An IRIS area."""

    id: Identifier = Field(alias="_id")
    application: Identifier
    code: str = Field(examples=["693820101"])
    name: str | None = None
    lng: float
    lat: float
    geometry: GeometryAnswer = Field(EMPTY_OBJECT)
    created_at: Instant = Field(alias="createdAt")
    updated_at: Instant = Field(alias="updatedAt")


class AreaQuery(PlaceOptions, PageQuery):
    """The filters of a list of areas."""

    q: Text = Field(UNSET, description="A text to search for in codes and names.")
    codes: Annotated[list[Text], Field(min_length=1)] = Field(UNSET, description="Only areas with one of these codes.")

    def to_condition(self) -> Condition:
        """Return the condition that an area is in the list."""
        return (Contains(self.q) if self.q else EVERYTHING) & (
            OneOf("code", tuple(self.codes)) if self.codes else EVERYTHING
        )
