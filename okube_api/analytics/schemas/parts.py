"""The parts that the requests of every module are made of: KPI names, scopes, filters."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, WithJsonSchema
from pydantic_core import PydanticCustomError

from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.errors import format_suggestion

MAX_VALUES = 10_000


class StrictModel(BaseModel):
    """A model that takes no field it does not know, and no value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


# -- KPI names -------------------------------------------------------------------------------------------------


def make_kpi_validator(module: Module) -> AfterValidator:
    """Refuses what is no KPI of the module: says the nearest that is, or which module has it."""
    names = BY_NAME[module]

    def check(name: str) -> str:
        if name in names:
            return name
        homes = [other.value for other, known in BY_NAME.items() if name in known]
        hint = f" It is a KPI of {' and '.join(homes)}." if homes else format_suggestion(name, names)
        message = f"No KPI '{name}' in {module.value}.{hint}"
        raise PydanticCustomError("enum", "{message}", {"message": message})

    return AfterValidator(check)


def make_kpi_schema(module: Module) -> WithJsonSchema:
    """The names, for the OpenAPI document."""
    return WithJsonSchema({"type": "string", "enum": list(BY_NAME[module])})


# -- scopes ----------------------------------------------------------------------------------------------------


class Options(StrictModel):
    """In which order the values of a scope come, and how many of them."""

    sort: Literal["all", "-all"] | None = Field(None, description="By the `all` value; ties by identifier.")
    limit: int | None = Field(None, ge=1, description="Only so many; sorted by `-all` when `sort` is absent.")


class ResourceOptions(Options):
    """How to answer by sites, points of interest, campaigns, levers or equipments."""

    properties: list[Literal["_id", "key", "name"]] = Field(["_id"], min_length=1, max_length=3)


class AreaOptions(Options):
    """How to answer by IRIS areas."""

    properties: list[Literal["code", "name"]] = Field(["code"], min_length=1, max_length=2)


class ExtraOptions(Options):
    """How to answer by extras, which are named `name:value`."""

    properties: list[Literal["name"]] = Field(["name"], min_length=1, max_length=1)


def _choice(value: Any) -> str:
    return "@options" if isinstance(value, dict | BaseModel) else "@boolean"


_Whether = Annotated[bool, Tag("@boolean")]
_BY = Discriminator(_choice)
ByResource = Annotated[_Whether | Annotated[ResourceOptions, Tag("@options")], _BY]
ByArea = Annotated[_Whether | Annotated[AreaOptions, Tag("@options")], _BY]
ByExtra = Annotated[_Whether | Annotated[ExtraOptions, Tag("@options")], _BY]
Choice = bool | ResourceOptions | AreaOptions | ExtraOptions

# -- filters ---------------------------------------------------------------------------------------------------

Reference = Annotated[str, Field(min_length=1, max_length=250)]
Iris = Annotated[str, Field(pattern="^[0-9A-Za-z]{9}$")]
Extra = Annotated[str, Field(pattern="^[^:]+:")]
Tag_ = Annotated[str, Field(min_length=1)]
Weekday = Annotated[int, Field(ge=1, le=7)]


class Except(StrictModel):
    """Everything but some values."""

    values: list[Any] = Field(alias="not", min_length=1, max_length=MAX_VALUES)


class ExceptReferences(Except):
    """All but these."""

    values: list[Reference] = Field(alias="not", min_length=1, max_length=MAX_VALUES)


class ExceptAreas(Except):
    """All but these, those without an area included."""

    values: list[Iris] = Field(alias="not", min_length=1, max_length=MAX_VALUES)


class ExceptExtras(Except):
    """Campaigns that have none of these."""

    values: list[Extra] = Field(alias="not", min_length=1, max_length=MAX_VALUES)


class ExceptTags(Except):
    """Sites that have none of these."""

    values: list[Tag_] = Field(alias="not", min_length=1, max_length=MAX_VALUES)


class ExceptWeekdays(Except):
    """The other days of the week."""

    values: list[Weekday] = Field(alias="not", min_length=1, max_length=MAX_VALUES)


def _form(value: Any) -> str:
    return "@not" if isinstance(value, dict | BaseModel) else "@list"


_FORM = Discriminator(_form)
_MANY = Field(min_length=1, max_length=MAX_VALUES)

References = Annotated[
    Annotated[list[Reference], _MANY, Tag("@list")] | Annotated[ExceptReferences, Tag("@not")],
    _FORM,
    Field(description="Ids or keys."),
]
Areas = Annotated[
    Annotated[list[Iris], _MANY, Tag("@list")] | Annotated[ExceptAreas, Tag("@not")],
    _FORM,
    Field(description="IRIS codes, 9 characters."),
]
Extras = Annotated[
    Annotated[list[Extra], _MANY, Tag("@list")] | Annotated[ExceptExtras, Tag("@not")],
    _FORM,
    Field(description="Extras of campaigns, as `name:value`."),
]
Tags = Annotated[
    Annotated[list[Tag_], _MANY, Tag("@list")] | Annotated[ExceptTags, Tag("@not")],
    _FORM,
    Field(description="Sites with one of these tags."),
]
Weekdays = Annotated[
    Annotated[list[Weekday], _MANY, Tag("@list")] | Annotated[ExceptWeekdays, Tag("@not")],
    _FORM,
    Field(description="Days of the week to keep, 1 is Monday."),
]
