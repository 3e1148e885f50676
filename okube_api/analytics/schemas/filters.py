"""The filters of questions: on resources, on what these are grouped by, on days and hours, and alternatives."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from okube_api.analytics.group_values import (
    ATTRIBUTE_PREFIX,
    EXTRA_PREFIX,
    GROUPING_FIELDS,
    LONGEST_NAME,
    find_grouping_field,
    format_value,
)
from okube_api.analytics.schemas.parts import (
    BY_FILTER_TYPE,
    MAX_VALUES,
    Except,
    References,
    StrictModel,
    Tags,
    Weekdays,
)
from okube_api.catalogue.scopes import Scope
from okube_api.errors import Fault, Impossible
from okube_api.kit.json_text import escape_pointer
from okube_api.kit.schemas import Day

MOST_PARTS = 20
"""The parts of `any`."""
MOST_NAMES = 20
"""The attributes, or extras, that the filters of a request or param name."""
_MAX_DATES = 4000

# -- values of grouping fields -----------------------------------------------------------------------------------

_LONGEST_VALUE = 1000


def _check_group_value(value: Any) -> str:
    """Return a value as text: as the answers of `by` have it."""
    if not isinstance(value, str | bool | int | float) or value == "":
        raise PydanticCustomError("string_type", "{message}", {"message": "Use a text, a number or a boolean"})
    text = format_value(value)
    if len(text) > _LONGEST_VALUE:
        message = f"A value has at most {_LONGEST_VALUE:,} characters"
        raise PydanticCustomError("string_too_long", "{message}", {"message": message})
    return text


GroupValue = Annotated[
    str,
    PlainValidator(_check_group_value),
    WithJsonSchema({"type": ["string", "number", "boolean"], "minLength": 1, "maxLength": _LONGEST_VALUE}),
]


class ExceptGroupValues(Except):
    """Everything that has none of these values."""

    values: list[GroupValue] = Field(alias="not", max_length=MAX_VALUES)


_GROUP_VALUES = (
    Annotated[list[GroupValue], Field(max_length=MAX_VALUES), Tag("@list")] | Annotated[ExceptGroupValues, Tag("@not")]
)
GroupValues = Annotated[
    _GROUP_VALUES, BY_FILTER_TYPE, Field(description="Values; `unknown` for resources that have none.")
]
PostalCodes = Annotated[
    _GROUP_VALUES,
    BY_FILTER_TYPE,
    Field(description="Beginnings of postal codes: `69` matches 69001. `unknown` for sites that have none."),
]

# -- names that resources define -----------------------------------------------------------------------------------

FREE_NAMES = "@names"
"""The alias of the field with these filters; errors leave out such a part of a place in the body."""
_PREFIXES = (ATTRIBUTE_PREFIX, EXTRA_PREFIX)
_PATTERNS = {prefix: rf"^{re.escape(prefix)}[^.]{{1,{LONGEST_NAME}}}$" for prefix in _PREFIXES}


class NamedFilters(dict[str, Any]):
    """The filters of a body on attributes or extras, by their full names, such as `sites.attributes.region`."""


def _check_free_names(value: Any) -> Any:
    if not isinstance(value, NamedFilters):  # only `Filters` itself collects them under this name
        raise PydanticCustomError("enum", "{message}", {"message": f"Unknown field '{FREE_NAMES}'"})
    for name in value:
        if find_grouping_field(name) is None:
            message = f"The name in '{name[:50]}' must have 1 to {LONGEST_NAME} characters and no dot"
            raise PydanticCustomError("enum", "{message}", {"message": message})
    if len(value) > MOST_NAMES:
        message = f"At most {MOST_NAMES} attributes or extras can be filtered on"
        raise PydanticCustomError("too_long", "{message}", {"message": message})
    return dict(value)


FreeNames = Annotated[dict[str, GroupValues], BeforeValidator(_check_free_names)]

# -- days and hours ----------------------------------------------------------------------------------------------------


class ExceptDates(Except):
    """All days except these."""

    values: list[Day] = Field(alias="not", max_length=_MAX_DATES)


Dates = Annotated[
    Annotated[list[Day], Field(max_length=_MAX_DATES), Tag("@list")] | Annotated[ExceptDates, Tag("@not")],
    BY_FILTER_TYPE,
    Field(description="Local days."),
]


def _school_tag(value: Any) -> str:
    return "@list" if isinstance(value, list) else "@false"


def _check_false(value: Any) -> Any:
    if value is not False:
        raise PydanticCustomError("enum", "{message}", {"message": "Use false, or a list of the zones A, B and C"})
    return value


SchoolHolidays = Annotated[
    Annotated[list[Literal["A", "B", "C"]], Field(min_length=1, max_length=3), Tag("@list")]
    | Annotated[
        bool, BeforeValidator(_check_false), WithJsonSchema({"type": "boolean", "enum": [False]}), Tag("@false")
    ],
    Discriminator(_school_tag),
    Field(
        description="France: a list keeps the days on which one of these zones is on holiday, false the days on which "
        "none of the three is."
    ),
]


def _drop_nothing(value: Any) -> Any:
    """Return an object without the entries that filter nothing."""
    return {name: item for name, item in value.items() if item not in NO_FILTER} if isinstance(value, dict) else value


class DayFilter(StrictModel):
    """Which days to keep; all that is given must hold."""

    weekdays: Weekdays | None = None
    public_holidays: bool | None = Field(
        None,
        alias="publicHolidays",
        description="Only public holidays (true), or only other days (false): those of the site's country, else of the "
        "application's setting `country`.",
    )
    school_holidays: SchoolHolidays | None = Field(None, alias="schoolHolidays")
    dates: Dates | None = None


Hour = Annotated[int, Field(ge=0, le=23)]


class ExceptHours(Except):
    """The other hours of the day."""

    values: list[Hour] = Field(alias="not", max_length=MAX_VALUES)


Hours = Annotated[
    Annotated[list[Hour], Field(max_length=MAX_VALUES), Tag("@list")] | Annotated[ExceptHours, Tag("@not")],
    BY_FILTER_TYPE,
    Field(description="Hours of the day, 0 to 23, of the local time at which something starts (an exit: ends)."),
]

# -- filters ---------------------------------------------------------------------------------------------------------


def _describe_free_names(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Describe the names that resources define by a pattern, instead of the field that holds them."""
    values = schema["properties"].pop(FREE_NAMES, None)
    if values is None:
        return
    (branch,) = [form for form in values.get("anyOf", [values]) if form.get("type") == "object"]
    prefixes = model.free_prefixes if issubclass(model, Filters) else ()
    schema["patternProperties"] = {_PATTERNS[prefix]: branch["additionalProperties"] for prefix in prefixes}


class Filters(StrictModel):
    """What a question is limited to: one value of each filter must match; null and an empty list are no filter."""

    model_config = ConfigDict(json_schema_extra=_describe_free_names)
    free_prefixes: ClassVar[tuple[str, ...]] = ()

    weekdays: Weekdays | None = None
    days: Annotated[DayFilter, BeforeValidator(_drop_nothing)] | None = None
    hours: Hours | None = None
    opening: bool | None = Field(
        None, description="Only what starts within the site's opening hours; sites without any are left out."
    )

    @model_validator(mode="before")
    @classmethod
    def _collect_free_names(cls, body: Any) -> Any:
        """Return the filters with those on attributes or extras in one field."""
        if not isinstance(body, dict) or not cls.free_prefixes:
            return body
        named = {name: value for name, value in body.items() if name.startswith(cls.free_prefixes)}
        if not named:
            return body
        return {name: value for name, value in body.items() if name not in named} | {FREE_NAMES: NamedFilters(named)}

    @property
    def alternatives(self) -> list["Filters"]:
        """The parts of `any`."""
        return getattr(self, "any", None) or []

    def list_grouped(self) -> Iterator[tuple[str, list[str], bool]]:
        """Yield the filters on grouping fields: the name, the values, and whether they are excluded."""
        values_by_name: dict[str, Any] = dict(getattr(self, "named", None) or {})
        for attribute in self.model_fields_set:
            alias = type(self).model_fields[attribute].alias
            if alias is not None and alias in GROUPING_FIELDS:
                values_by_name[alias] = getattr(self, attribute)
        for name, values in values_by_name.items():
            if values is not None:
                yield (name, values.values, True) if isinstance(values, Except) else (name, values, False)


class SitesPart(Filters):
    """The filters on sites."""

    free_prefixes: ClassVar[tuple[str, ...]] = (ATTRIBUTE_PREFIX,)

    sites: References | None = None
    tags: Tags | None = None
    site_tags: GroupValues | None = Field(None, alias="sites.tags")
    site_type: GroupValues | None = Field(None, alias="sites.type")
    site_city: GroupValues | None = Field(None, alias="sites.city")
    site_postal_code: PostalCodes | None = Field(None, alias="sites.postalCode")
    site_country: GroupValues | None = Field(None, alias="sites.country")
    named: FreeNames | None = Field(None, alias=FREE_NAMES)


def _check_parts(parts: list[Filters]) -> list[Filters]:
    for index, part in enumerate(parts):
        if not part.model_fields_set:
            message = f"Part {index} of 'any' has no filter, so that everything passes. Remove it, or remove 'any'"
            raise PydanticCustomError("impossible", "{message}", {"message": message})
    return parts


ANY_RULES = (Field(max_length=MOST_PARTS, description="At least one of these holds."), AfterValidator(_check_parts))
"""What the lists `any` have in common: `Annotated[list[...], *ANY_RULES]`."""

# -- names ---------------------------------------------------------------------------------------------------------

NO_FILTER: tuple[Any, ...] = (None, [], {"not": []}, {})
_NAMES = frozenset(
    {*(scope.value for scope in Scope if scope is not Scope.GLOBALS), "tags", "weekdays", "days", "hours", "any"}
).union(GROUPING_FIELDS)


def is_filter_name(name: str) -> bool:
    """Return whether a name is that of a filter in some kind of question."""
    return name in _NAMES or name.startswith(_PREFIXES)


def drop_empty_filters(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Return filters of a body without those that filter nothing, in the parts of `any`, too."""
    used = {
        name: value
        for name, value in filters.items()
        if not ((is_filter_name(name) and value in NO_FILTER) or (name == "opening" and value in (None, False)))
    }
    parts = used.get("any")
    if isinstance(parts, list):
        used["any"] = [drop_empty_filters(part) if isinstance(part, dict) else part for part in parts]
    return used


def find_unavailable_filters(filters: Any, pointer: str, model: type[BaseModel], questions: str) -> Iterator[Fault]:
    """Yield a fault for each filter that other kinds of questions have, but not this one."""
    if not isinstance(filters, dict):
        return
    prefixes = model.free_prefixes if issubclass(model, Filters) else ()
    names = [field.alias or name for name, field in model.model_fields.items()]
    for name in filters:
        if is_filter_name(name) and name not in names and not (prefixes and name.startswith(prefixes)):
            usable = [*(each for each in names if each != FREE_NAMES), *(f"{prefix}<name>" for prefix in prefixes)]
            message = f"Filter '{name[:100]}' is not available in {questions}. Use one of: {', '.join(usable)}."
            yield Fault("body", f"{pointer}/{escape_pointer(name)}", Impossible.code, message)
    parts = filters.get("any")
    for index, part in enumerate(parts if isinstance(parts, list) and "any" in names else ()):
        yield from find_unavailable_filters(part, f"{pointer}/any/{index}", model, questions)
