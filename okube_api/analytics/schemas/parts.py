"""The parts that the requests of all modules are made of: KPI names, scopes, filters."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import BY_NAME

MAX_VALUES = 10_000
MAX_NAME = 300


class StrictModel(BaseModel):
    """A model that rejects unknown fields and does not convert types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


GranularityName = Literal[
    "hour", "day", "week", "month", "quarter", "year", "hourOfWeek", "fiscalMonth", "fiscalQuarter", "fiscalYear"
]
"""Names of granularities."""

# -- KPI names -------------------------------------------------------------------------------------------------


def make_kpi_validator(module: Module) -> AfterValidator:
    """Return a validator that rejects names that are no KPI of the module.

    Its message names the modules that have the KPI; if there is none, its context has the names to suggest.
    """
    names = BY_NAME[module]

    def validate(name: str) -> str:
        if name in names:
            return name
        modules = [other.value for other, kpis in BY_NAME.items() if name in kpis]
        message = f"Unknown KPI '{name[:100]}' in {module.value}."
        if modules:
            message += f" It is a KPI of {' and '.join(modules)}."
            raise PydanticCustomError("enum", "{message}", {"message": message})
        # The handler of errors looks for a similar name: for the first unknown name only, because it takes time.
        fallback = " GET /analytics/kpis lists all KPIs."
        context = {"message": message, "name": name, "similar_names": tuple(names), "fallback": fallback}
        raise PydanticCustomError("enum", "{message}", context)

    return AfterValidator(validate)


def make_kpi_schema(module: Module) -> WithJsonSchema:
    """Return the JSON schema of the module's KPI names, with a description of each, for the OpenAPI document."""
    titles = {name: kpi.title for name, kpi in BY_NAME[module].items()}
    lines = [f"- `{name}`: {title}" for name, title in titles.items()]
    return WithJsonSchema(
        {
            "type": "string",
            "enum": list(titles),
            "description": "\n".join([f"Name of a KPI of {module.value}.", "", *lines]),
            "x-enum-descriptions": list(titles.values()),
        }
    )


# -- scopes ----------------------------------------------------------------------------------------------------


class NumberBounds(StrictModel):
    """Bounds of a number."""

    gt: float | None = Field(None, description="Greater than.")
    gte: float | None = Field(None, description="Greater than or equal to.")
    lt: float | None = Field(None, description="Less than.")
    lte: float | None = Field(None, description="Less than or equal to.")


class Having(StrictModel):
    """Which values to return, by their numbers."""

    all: NumberBounds = Field(description="Bounds of the `all` value; of an object, of what it is sorted by.")


class SortOptions(StrictModel):
    """Which values of a scope to return, in which order."""

    sort: Literal["all", "-all", "change", "-change"] | None = Field(
        None,
        description="Sort by the `all` value, or by its change since the first of the periods of `compare`; ties by "
        "identifier.",
    )
    limit: int | None = Field(
        None, ge=1, description="Return the first values only; sorted by `-all` when `sort` is absent."
    )
    having: Having | None = Field(None, description="Return only values within bounds, before `sort` and `limit`.")
    has_remainder: bool = Field(
        False,
        alias="others",
        description="Return one more entry, `others`: everything that `limit` and `having` leave out, computed "
        "from its rows.",
    )
    share: bool = Field(
        False,
        description="Return `share` beside `all`: the share of the whole; for distinct users, of all users. Not for "
        "ratios, averages and objects.",
    )


def _describe_properties(schema: dict[str, Any]) -> None:
    """Describe both names of the list, and that it may be a single text."""
    fields = schema["properties"]
    names = dict(fields["properties"])
    default = names.pop("default")
    forms = {"anyOf": [names, names["items"]]}
    fields["properties"] = {**forms, "default": default, "description": "Properties to return with the values."}
    fields["property"] = {**forms, "description": "Same as `properties`."}


class PropertyOptions(SortOptions):
    """How to answer by a scope whose values have properties: `properties` or `property`, a list or a single text."""

    model_config = ConfigDict(json_schema_extra=_describe_properties)

    properties: list[Any] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _join_properties(cls, options: Any) -> Any:
        """Return the options with one list of properties, each once."""
        if not isinstance(options, dict):
            return options
        values = [options[field] for field in _PROPERTY_FIELDS if field in options]
        if not values:
            return options
        lists = [[value] if isinstance(value, str) else value for value in values]
        invalid = [value for value in lists if not isinstance(value, list) or not value]
        properties: Any = invalid[0] if invalid else [name for names in lists for name in names]
        if not invalid and all(isinstance(name, str) for name in properties):
            properties = list(dict.fromkeys(properties))
        return {name: value for name, value in options.items() if name != "property"} | {"properties": properties}


_PROPERTY_FIELDS = ("properties", "property")


class ResourceOptions(PropertyOptions):
    """How to answer by sites, POIs, campaigns, levers or equipments."""

    properties: list[Literal["_id", "key", "name"]] = Field(["_id"], min_length=1)


class AreaOptions(PropertyOptions):
    """How to answer by IRIS areas."""

    properties: list[Literal["code", "name"]] = Field(["code"], min_length=1)


class ExtraOptions(PropertyOptions):
    """How to answer by extras, which are named `name:value`."""

    properties: list[Literal["name"]] = Field(["name"], min_length=1)


class ChannelOptions(PropertyOptions):
    """How to answer by channels, which are named `offline` and `online`."""

    properties: list[Literal["name"]] = Field(["name"], min_length=1)


class GroupingOptions(PropertyOptions):
    """One of the dimensions of `by`, with its options."""

    of: str = Field(max_length=MAX_NAME, description="A scope or a grouping, as in `by`.", examples=["sites"])
    properties: list[Literal["_id", "key", "name", "code"]] = Field([], min_length=1)
    digits: int | None = Field(
        None, ge=1, le=20, description="For `sites.postalCode`: group by the first characters only."
    )


# The JSON type is the discriminator, so that an error is about the form that was sent, not about both forms.
def _scope_option_tag(value: Any) -> str:
    return "@options" if isinstance(value, dict | BaseModel) else "@boolean"


_Flag = Annotated[bool, Tag("@boolean")]
_BY_OPTION_TYPE = Discriminator(_scope_option_tag)
ByResource = Annotated[_Flag | Annotated[ResourceOptions, Tag("@options")], _BY_OPTION_TYPE]
ByArea = Annotated[_Flag | Annotated[AreaOptions, Tag("@options")], _BY_OPTION_TYPE]
ByExtra = Annotated[_Flag | Annotated[ExtraOptions, Tag("@options")], _BY_OPTION_TYPE]
ByChannel = Annotated[_Flag | Annotated[ChannelOptions, Tag("@options")], _BY_OPTION_TYPE]


def _grouping_tag(value: Any) -> str:
    return "@options" if isinstance(value, dict | BaseModel) else "@name"


def _check_grouping_name(value: Any) -> Any:
    if not isinstance(value, str):
        message = "Use the name of a grouping, such as 'sites', or an object with it in 'of'"
        raise PydanticCustomError("string_type", "{message}", {"message": message})
    return value


ByGrouping = Annotated[
    Annotated[str, BeforeValidator(_check_grouping_name), Field(max_length=MAX_NAME), Tag("@name")]
    | Annotated[GroupingOptions, Tag("@options")],
    Discriminator(_grouping_tag),
]
"""A dimension of `by`: its name, or an object with its name and options."""
ScopeOption = bool | ResourceOptions | AreaOptions | ExtraOptions | ChannelOptions

# -- filters ---------------------------------------------------------------------------------------------------

Reference = Annotated[str, Field(min_length=1, max_length=250)]
Iris = Annotated[str, Field(pattern="^[0-9A-Za-z]{9}$")]


def _check_extra(text: str) -> str:
    if text.find(":") < 1:
        raise PydanticCustomError("pattern", "{message}", {"message": "Write an extra as 'name:value'"})
    return text


Extra = Annotated[str, AfterValidator(_check_extra), WithJsonSchema({"type": "string", "pattern": "^[^:]+:"})]
SiteTag = Annotated[str, Field(min_length=1)]
Weekday = Annotated[int, Field(ge=1, le=7)]


class Except(StrictModel):
    """All values except these."""

    values: list[Any] = Field(alias="not", max_length=MAX_VALUES)


class ExceptReferences(Except):
    """All resources except these."""

    values: list[Reference] = Field(alias="not", max_length=MAX_VALUES)


class ExceptAreas(Except):
    """All IRIS areas except these; users without an area are included."""

    values: list[Iris] = Field(alias="not", max_length=MAX_VALUES)


class ExceptExtras(Except):
    """Campaigns that have none of these extras."""

    values: list[Extra] = Field(alias="not", max_length=MAX_VALUES)


class ExceptTags(Except):
    """Sites that have none of these tags."""

    values: list[SiteTag] = Field(alias="not", max_length=MAX_VALUES)


class ExceptWeekdays(Except):
    """The other days of the week."""

    values: list[Weekday] = Field(alias="not", max_length=MAX_VALUES)


def _filter_tag(value: Any) -> str:
    return "@not" if isinstance(value, dict | BaseModel) else "@list"


BY_FILTER_TYPE = Discriminator(_filter_tag)
_LENGTH = Field(max_length=MAX_VALUES)

References = Annotated[
    Annotated[list[Reference], _LENGTH, Tag("@list")] | Annotated[ExceptReferences, Tag("@not")],
    BY_FILTER_TYPE,
    Field(description="Ids or keys."),
]
Areas = Annotated[
    Annotated[list[Iris], _LENGTH, Tag("@list")] | Annotated[ExceptAreas, Tag("@not")],
    BY_FILTER_TYPE,
    Field(description="IRIS codes, 9 characters each."),
]
Extras = Annotated[
    Annotated[list[Extra], _LENGTH, Tag("@list")] | Annotated[ExceptExtras, Tag("@not")],
    BY_FILTER_TYPE,
    Field(description="Extras of campaigns, as `name:value`."),
]
Tags = Annotated[
    Annotated[list[SiteTag], _LENGTH, Tag("@list")] | Annotated[ExceptTags, Tag("@not")],
    BY_FILTER_TYPE,
    Field(description="Sites with one of these tags."),
]
Weekdays = Annotated[
    Annotated[list[Weekday], _LENGTH, Tag("@list")] | Annotated[ExceptWeekdays, Tag("@not")],
    BY_FILTER_TYPE,
    Field(description="Days of the week, 1 is Monday."),
]
