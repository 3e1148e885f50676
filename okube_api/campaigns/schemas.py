"""Request and answer models of campaigns and levers."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from okube_api.kit.application import Count
from okube_api.kit.file_options import FileFormat, TableOptions
from okube_api.kit.list_query import PageQuery
from okube_api.kit.period_query import PeriodQuery
from okube_api.kit.schemas import (
    EMPTY_OBJECT,
    SCALAR_SCHEMA,
    SCALARS_SCHEMA,
    UNSET,
    Answer,
    Body,
    Currency,
    Day,
    Identifier,
    Instant,
    Key,
    OpenObject,
    ReferenceFilter,
    ReferenceList,
    Scalars,
    TagList,
    Text,
    UpdateBody,
)
from okube_api.kit.switches import Switch
from okube_api.store.conditions import EVERYTHING, AllOf, AnyOf, Condition, Overlaps, equal
from okube_api.store.values import Json

# -- campaigns -----------------------------------------------------------------------------------------------


class Cost(OpenObject):
    """A cost of a campaign, for all or a part of its period; other names are kept."""

    start: Day | None = Field(None, alias="from", description="The campaign's first day when absent.")
    end: Day | None = Field(None, alias="to", description="The campaign's last day when absent.")
    amount: Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False, examples=[1500])]
    type: Annotated[
        Literal["fixed", "cpm", "cpc", "cpo"],
        Field(
            description="`fixed` for the whole period, `cpm` per thousand prints, `cpc` per click, `cpo` per opening."
        ),
    ]
    currency: Currency | None = Field(None, description="The application's when absent.")


Costs = Annotated[list[Cost], Field(max_length=1000)]


class CampaignWindows(Body):
    """Lookback windows of this campaign in days; an absent one is the application's."""

    click: Count = UNSET
    print: Count = UNSET
    opening: Count = UNSET


def _convert_extra_list(value: object) -> object:
    """Return extras as an object, also those that are sent as a list of `key` and `value`."""
    if isinstance(value, dict) and value and all(isinstance(item, dict) for item in value.values()):
        value = list(value.values())  # a form numbers the items of a list
    if not isinstance(value, list):
        return value
    extras: dict[str, object] = {}
    for item in value:
        if not isinstance(item, dict) or item.keys() != {"key", "value"} or not isinstance(item["key"], str):
            raise ValueError("Each item of the list must have a text 'key' and a 'value', and nothing else.")
        if item["key"] in extras:
            raise ValueError(f"Duplicate extra '{item['key'][:50]}'.")
        extras[item["key"]] = item["value"]
    return extras


_EXTRA_ITEM: Any = {
    "type": "object",
    "properties": {"key": SCALARS_SCHEMA["propertyNames"] | {"type": "string"}, "value": SCALAR_SCHEMA},
    "required": ["key", "value"],
    "additionalProperties": False,
}
Extras = Annotated[
    Scalars,
    BeforeValidator(_convert_extra_list),
    WithJsonSchema({"anyOf": [SCALARS_SCHEMA, {"type": "array", "items": _EXTRA_ITEM}]}),
]
"""Extras as an object of names and values, or as a list of objects with `key` and `value`."""


class CampaignCreate(Body):
    """A new campaign."""

    app: Annotated[str, Field(min_length=1)] = Field(
        UNSET, description="The application (id or key); only when the path does not name it."
    )
    key: Key
    lever: str = Field(UNSET, description="Ignored: the lever is assigned by the application's levers.")
    name: str = Field(UNSET, examples=["Spring sale"])
    description: str = UNSET
    provider: str = UNSET
    agency: str = UNSET
    format: str = UNSET
    start: Day = Field(UNSET, alias="from", description="The first day.")
    end: Day = Field(UNSET, alias="to", description="The last day, included.")
    extra: Extras = Field(UNSET, examples=[{"segment": "vip"}])
    sites: ReferenceList = Field(UNSET, description="Ids or keys; a campaign without sites is global.")
    costs: Costs = UNSET
    windows: CampaignWindows = UNSET


class CampaignUpdate(UpdateBody):
    """The fields to change; null, an empty list or an empty object clears a field where null is allowed."""

    read_only: ClassVar[frozenset[str]] = frozenset(
        {
            "_id",
            "application",
            "lever",
            "_cachedLeverName",
            "_cachedLeverTrigger",
            "computedFrom",
            "computedTo",
            "flag",
            "createdAt",
            "updatedAt",
        }
    )

    key: Key = UNSET
    name: str | None = None
    description: str | None = None
    provider: str | None = None
    agency: str | None = None
    format: str | None = None
    start: Day | None = Field(None, alias="from")
    end: Day | None = Field(None, alias="to")
    extra: Extras | None = None
    tags: TagList | None = None
    sites: ReferenceList | None = None
    costs: Costs | None = None
    windows: CampaignWindows | None = None


class CampaignElement(CampaignUpdate):
    """A campaign of a list: new, or the fields to change in the campaign whose `_id` or key it has."""

    read_only: ClassVar[frozenset[str]] = CampaignUpdate.read_only - {"lever"}
    not_stored: ClassVar[frozenset[str]] = frozenset({"app", "lever"})

    app: Annotated[str, Field(min_length=1)] = Field(
        UNSET, description="The application (id or key); only when the path does not name it."
    )
    key: Key
    lever: str = Field(UNSET, description="Ignored: the lever is assigned by the application's levers.")


class Extra(Answer):
    """An extra of a campaign."""

    key: str
    value: str | int | float | bool | None


class CampaignAnswer(Answer):
    """A campaign, with its extras as a list, or as an object when `with_extra` is true."""

    id: Identifier = Field(alias="_id")
    application: Identifier
    key: str
    lever: Identifier
    cached_lever_name: str = Field(alias="_cachedLeverName")
    cached_lever_trigger: bool = Field(alias="_cachedLeverTrigger")
    sites: list[Identifier] = Field([])
    name: str | None = None
    description: str | None = None
    start: Day | None = Field(None, alias="from")
    end: Day | None = Field(None, alias="to")
    computed_start: Day | None = Field(None, alias="computedFrom", description="The first day with data.")
    computed_end: Day | None = Field(None, alias="computedTo", description="The last day with data.")
    tags: list[str] = Field([])
    flag: int = Field(0, description="Bit mask: 1 = has a declared period, 2 = has a computed period, 4 = has costs.")
    provider: str | None = None
    agency: str | None = None
    format: str | None = None
    costs: list[Cost] = Field([])
    windows: CampaignWindows = Field(EMPTY_OBJECT)
    extra: list[Extra] | Scalars = Field([])
    created_at: Instant = Field(alias="createdAt")
    updated_at: Instant = Field(alias="updatedAt")


WITH_EXTRA = "Return `extra` as an object instead of a list."


def render_extras(campaign: Json, *, with_extra: bool) -> Json:
    """Return a campaign with its extras as answers have them: as an object with `with_extra`, else as a list."""
    extras = campaign.get("extra", {})
    return campaign | {
        "extra": extras if with_extra else [{"key": name, "value": value} for name, value in extras.items()]
    }


_LIST_FORMATS = frozenset(FileFormat) - {FileFormat.GEOJSON}


class CampaignQuery(PeriodQuery):
    """The filters of a list of campaigns."""

    period: Literal["direct", "computed"] = Field(
        "direct",
        description="Which period the filters `sb` to `to` apply to: the declared one (`direct`), or the one from the "
        "first to the last day with data (`computed`).",
    )
    g: Switch = Field(False, description="Only global campaigns, which have no sites.")
    sites: ReferenceFilter = Field(UNSET, description="Campaigns with any of these sites (ids or keys).")
    lever: ReferenceFilter = Field(UNSET, description="Campaigns with any of these levers (ids or keys).")
    levers: ReferenceFilter = Field(UNSET, description="Same as `lever`.")
    provider: Text = UNSET
    agency: Text = UNSET
    format: Text = Field(
        UNSET,
        description="Campaigns with this format. The words `json`, `csv`, `xlsx` and `parquet` name the format of the "
        "list instead: all matches as a file, or a page as JSON. With this filter, choose a file by `Accept`.",
    )
    extra: Annotated[list[Text], Field(min_length=1, max_length=100)] = Field(
        UNSET, description="`name:value`, or `name` for any value.", examples=[["segment:vip"]]
    )
    extra_mode: Literal["or", "and"] = Field(
        "or", description="Whether a campaign must have any (`or`) or all (`and`) of `extra`."
    )
    with_extra: Switch = Field(False, description=WITH_EXTRA)
    trigger: Switch = Field(False, description="Only campaigns with a trigger lever.")

    @property
    def period_fields(self) -> tuple[str, str]:
        """The fields with the first and the last day of the period."""
        return ("computedFrom", "computedTo") if self.period == "computed" else ("from", "to")

    @property
    def file_format(self) -> str | None:
        """The format that the parameter `format` requests, if it does not filter campaigns by their format."""
        return self.format if self.format in _LIST_FORMATS else None

    def to_condition(self) -> Condition:
        """Return the condition that a campaign is in the list; the route adds `sites` and levers.

        Raise Impossible when `from` is after `to`.
        """
        exact = {name: getattr(self, name) for name in ("provider", "agency", "format")}
        if self.file_format is not None:
            del exact["format"]
        return (
            super().to_condition()
            & self.match_period()
            & (equal("global", True) if self.g else EVERYTHING)
            & (equal("_cachedLeverTrigger", True) if self.trigger else EVERYTHING)
            & AllOf(tuple(equal(name, value) for name, value in exact.items() if value))
            & self._match_extras()
        )

    def _match_extras(self) -> Condition:
        if not self.extra:
            return EVERYTHING
        conditions = tuple(Overlaps("extraTerms", (term,)) for term in self.extra)
        return AllOf(conditions) if self.extra_mode == "and" else AnyOf(conditions)


# -- levers --------------------------------------------------------------------------------------------------

_Values = Annotated[list[Text], Field(min_length=1, max_length=1000)]


class LeverMatch(Body):
    """Which campaigns a lever matches: those that have one of the listed values in every listed field."""

    format: _Values = UNSET
    provider: _Values = UNSET
    agency: _Values = UNSET


class LeverUpdate(UpdateBody):
    """The fields to change; null or an empty object clears a field where null is allowed."""

    read_only: ClassVar[frozenset[str]] = frozenset({"_id", "application", "createdAt", "updatedAt"})

    key: Key = UNSET
    name: str | None = None
    trigger: bool = UNSET
    match: LeverMatch | None = Field(None, description="A lever without `match` matches no campaign.")
    position: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        None,
        description="A campaign gets the first lever, by position, that matches it. Last when absent or null.",
    )


class LeverCreate(LeverUpdate):
    """A new lever; only its key is required."""

    read_only: ClassVar[frozenset[str]] = frozenset()

    key: Key


class LeverAnswer(Answer):
    """A lever."""

    id: Identifier = Field(alias="_id")
    application: Identifier
    key: str
    name: str | None = None
    trigger: bool
    match: LeverMatch = Field(EMPTY_OBJECT)
    position: int | None = Field(None, description="Null for `other`, which is always the last.")
    created_at: Instant = Field(alias="createdAt")
    updated_at: Instant = Field(alias="updatedAt")


class LeverQuery(TableOptions, PageQuery):
    """The filters of a list of levers."""

    q: Text = Field(UNSET, description="A text to search for in names and keys.")

    def matches(self, lever: Json, fold: Callable[[str], str]) -> bool:
        """Return whether a lever has the text; `fold` removes case and accents."""
        texts = (lever["key"], lever.get("name") or "")
        return not self.q or any(fold(self.q) in fold(text) for text in texts)
