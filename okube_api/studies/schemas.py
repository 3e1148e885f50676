"""Request and answer models of studies."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from okube_api.kit.file_options import TableOptions
from okube_api.kit.period_query import PeriodQuery
from okube_api.kit.schemas import (
    EMPTY_OBJECT,
    UNSET,
    Answer,
    Body,
    Day,
    FreeObject,
    Identifier,
    Instant,
    Key,
    ReferenceFilter,
    ReferenceList,
    Scalars,
    TagList,
    UpdateBody,
    drop_unset_defaults,
)
from okube_api.kit.switches import Switch
from okube_api.store.conditions import EVERYTHING, Condition, equal
from okube_api.store.values import Json


class Status(StrEnum):
    """The state of a study."""

    EMPTY = "empty"  # without sites and POIs
    COLLECTING = "collecting"  # the period has not ended, or has no last day
    READY = "ready"


class StudyCreate(Body):
    """A new study."""

    app: Annotated[str, Field(min_length=1)] = Field(
        UNSET, description="The application (id or key); only when the path does not name it."
    )
    key: Key
    name: str = Field(UNSET, examples=["Bellecour and its rivals"])
    description: str = UNSET
    start: Day = Field(UNSET, alias="from", description="The first day; without it, all earlier days.")
    end: Day = Field(UNSET, alias="to", description="The last day, included.")
    extra: Scalars = Field(UNSET, description="Additional values to store with the study.")
    parameters: FreeObject = Field(UNSET, description="The parameters that the study was created with.")
    sites: ReferenceList = UNSET
    pois: ReferenceList = UNSET


class StudyUpdate(UpdateBody):
    """The fields to change; null, an empty list or an empty object clears a field where null is allowed."""

    read_only: ClassVar[frozenset[str]] = frozenset(
        {"_id", "application", "flag", "status", "results", "createdAt", "updatedAt"}
    )

    key: Key = UNSET
    name: str | None = None
    description: str | None = None
    start: Day | None = Field(None, alias="from")
    end: Day | None = Field(None, alias="to")
    extra: Scalars | None = None
    parameters: FreeObject | None = None
    tags: TagList | None = None
    sites: ReferenceList | None = None
    pois: ReferenceList | None = None

    def list_changes(self, answer: Json) -> Json:
        """Return the fields that change; empty `results`, as lists have them, are no change.  Raise BadRequest."""
        if self.read_only_values.get("results") == {}:
            del self.read_only_values["results"]
        return super().list_changes(answer)


class StudyElement(StudyUpdate):
    """A study of a list: new, or the fields to change in the study whose `_id` or key it has."""

    not_stored: ClassVar[frozenset[str]] = frozenset({"app"})

    app: Annotated[str, Field(min_length=1)] = Field(
        UNSET, description="The application (id or key); only when the path does not name it."
    )
    key: Key


class StudyResults(Answer):
    """A summary of the stays at the places of a study, without uplift; an empty object in lists."""

    model_config = ConfigDict(json_schema_extra=drop_unset_defaults)

    stays: int = Field(UNSET, description="Indoor stays at the sites and points of interest, within the period.")
    users: int = Field(UNSET, description="The distinct users of these stays.")
    first_day: Day | None = Field(UNSET, alias="firstDay", description="The first day with stays.")
    last_day: Day | None = Field(UNSET, alias="lastDay", description="The last day with stays.")


class StudyRow(Answer):
    """A study as exports have it."""

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
    flag: int = Field(0, description="Bit mask: 1 = has a first or a last day.")
    status: Status = Field(
        Status.EMPTY,
        description="`empty` without sites and points of interest, `collecting` until the period ends, then `ready`.",
    )
    extra: Scalars = Field(EMPTY_OBJECT)
    parameters: FreeObject = Field(EMPTY_OBJECT)
    created_at: Instant = Field(alias="createdAt")
    updated_at: Instant = Field(alias="updatedAt")


class StudyAnswer(StudyRow):
    """A study."""

    results: StudyResults = Field(
        EMPTY_OBJECT, description="The stays of the study; empty in lists unless `with_results` is true."
    )


def add_derived_fields(study: Json, today: str) -> Json:
    """Return a study with the fields that are not stored: its flag, and its status on the day `today` (UTC)."""
    is_declared = study.get("from") is not None or study.get("to") is not None
    return {**study, "flag": int(is_declared), "status": _compute_status(study, today)}


def _compute_status(study: Json, today: str) -> Status:
    if not (study.get("sites") or study.get("pois")):
        return Status.EMPTY
    end = study.get("to")
    return Status.READY if end is not None and end < today else Status.COLLECTING


class StudyQuery(TableOptions, PeriodQuery):
    """The filters of a list of studies."""

    g: Switch = Field(False, description="Only studies without sites.")
    with_results: Switch = Field(
        False, description="Return the `results` of each study; they take some queries each. Not in files."
    )
    sites: ReferenceFilter = Field(UNSET, description="Studies with any of these sites (ids or keys).")
    pois: ReferenceFilter = Field(UNSET, description="Studies with any of these points of interest (ids or keys).")

    def to_condition(self) -> Condition:
        """Return the condition that a study is in the list; the route adds `sites` and `pois`.

        Raise Impossible when `from` is after `to`.
        """
        return super().to_condition() & self.match_period() & (equal("global", True) if self.g else EVERYTHING)
