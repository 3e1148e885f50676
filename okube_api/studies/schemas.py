"""Studies as requests and answers have them."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from okube_api.kit.list_query import Switch
from okube_api.kit.period_query import PeriodQuery
from okube_api.kit.schemas import (
    UNSET,
    Answer,
    Body,
    Day,
    FreeObject,
    Identifier,
    Instant,
    Key,
    References,
    Scalars,
    Tags,
)
from okube_api.store.conditions import EVERYTHING, Condition, equal
from okube_api.store.values import Json


class Status(StrEnum):
    """How far a study is."""

    EMPTY = "empty"  # it names no place
    COLLECTING = "collecting"  # its period is not over, or has no end
    READY = "ready"


class StudyCreate(Body):
    """A new study."""

    app: Annotated[str, Field(min_length=1)] = Field(
        UNSET, description="The application (id or key); not when the path names it."
    )
    key: Key
    name: str = Field(UNSET, examples=["Bellecour and its rivals"])
    description: str = UNSET
    start: Day = Field(UNSET, alias="from", description="The first day; none is earlier.")
    end: Day = Field(UNSET, alias="to", description="The last day, included.")
    extra: Scalars = Field(UNSET, description="Whatever else is to be kept with the study.")
    parameters: FreeObject = Field(UNSET, description="What the study was set up with.")
    sites: References = UNSET
    pois: References = UNSET


class StudyUpdate(Body):
    """The fields to change; null clears one where it is allowed."""

    key: Key = UNSET
    name: str | None = None
    description: str | None = None
    start: Day | None = Field(None, alias="from")
    end: Day | None = Field(None, alias="to")
    extra: Scalars | None = None
    parameters: FreeObject | None = None
    tags: Tags | None = None
    sites: References | None = None
    pois: References | None = None


class StudyAnswer(Answer):
    """A study."""

    id: Identifier = Field(alias="_id")
    application: Identifier
    key: str
    name: str | None = None
    description: str | None = None
    start: Day | None = Field(None, alias="from")
    end: Day | None = Field(None, alias="to")
    sites: list[Identifier] = Field([])
    pois: list[Identifier] = Field([])
    tags: list[str] = Field([])
    flag: int = Field(0, description="Bits: 1 when the period, or one side of it, is declared.")
    status: Status = Field(
        Status.EMPTY,
        description="`empty` without sites and points of interest, `collecting` until the period ends, then `ready`.",
    )
    extra: Scalars | None = None
    parameters: FreeObject | None = None
    created_at: Instant = Field(alias="createdAt")
    updated_at: Instant = Field(alias="updatedAt")


def add_derived_fields(study: Json, today: str) -> Json:
    """A study with what is not kept because it follows from the rest and from the day (UTC)."""
    declared = study.get("from") is not None or study.get("to") is not None
    return {**study, "flag": int(declared), "status": _status(study, today)}


def _status(study: Json, today: str) -> Status:
    if not (study.get("sites") or study.get("pois")):
        return Status.EMPTY
    end = study.get("to")
    return Status.READY if end is not None and end < today else Status.COLLECTING


class StudyQuery(PeriodQuery):
    """What a list of studies can be narrowed by."""

    g: Switch = Field(False, description="Only studies that name no site.")
    sites: References = Field(UNSET, description="Any of these sites (ids or keys).")
    pois: References = Field(UNSET, description="Any of these points of interest (ids or keys).")

    def to_condition(self) -> Condition:
        """The studies wanted, `sites` and `pois` aside.  Raises Impossible."""
        return super().to_condition() & self.match_period() & (equal("global", True) if self.g else EVERYTHING)
