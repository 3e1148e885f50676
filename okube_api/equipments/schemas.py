"""Request and answer models of equipments."""

from typing import Annotated, ClassVar

from pydantic import Field

from okube_api.kit.file_options import TableOptions
from okube_api.kit.list_query import PageQuery, match_flag
from okube_api.kit.schemas import UNSET, Answer, Identifier, Instant, Key, Text, UpdateBody
from okube_api.kit.switches import Flag
from okube_api.store.conditions import EVERYTHING, Condition, Contains, OneOf


class EquipmentUpdate(UpdateBody):
    """The fields to change; null clears a field where it is allowed."""

    read_only: ClassVar[frozenset[str]] = frozenset({"_id", "application", "site", "createdAt", "updatedAt"})

    key: Key = UNSET
    name: str | None = None
    type: Text | None = Field(None, examples=["wifi"])
    active: bool = UNSET


class EquipmentCreate(EquipmentUpdate):
    """A new equipment; only its key is required."""

    read_only: ClassVar[frozenset[str]] = frozenset()

    key: Key


class EquipmentAnswer(Answer):
    """An equipment."""

    id: Identifier = Field(alias="_id")
    application: Identifier
    site: Identifier
    key: str
    name: str | None = None
    type: str | None = None
    active: bool
    created_at: Instant = Field(alias="createdAt")
    updated_at: Instant = Field(alias="updatedAt")


class EquipmentQuery(TableOptions, PageQuery):
    """The filters of a list of equipments."""

    q: Text = Field(UNSET, description="A text to search for in names and keys.")
    keys: Annotated[list[Key], Field(min_length=1)] = Field(
        UNSET, description="Only equipments with one of these keys."
    )
    active: Flag = UNSET

    def to_condition(self) -> Condition:
        """Return the condition that an equipment is in the list."""
        return (
            (Contains(self.q) if self.q else EVERYTHING)
            & (OneOf("key", tuple(self.keys)) if self.keys else EVERYTHING)
            & match_flag("active", self.active)
        )
