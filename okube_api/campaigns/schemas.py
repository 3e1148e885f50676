"""Campaigns and levers as requests and answers have them."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from okube_api.kit.application import Count
from okube_api.kit.list_query import PageQuery, Switch
from okube_api.kit.period_query import PeriodQuery
from okube_api.kit.schemas import (
    UNSET,
    Answer,
    Body,
    Currency,
    Day,
    Identifier,
    Instant,
    Key,
    References,
    Scalars,
    Tags,
    Text,
)
from okube_api.store.conditions import EVERYTHING, AllOf, AnyOf, Condition, Overlaps, equal
from okube_api.store.values import Json

# -- campaigns -----------------------------------------------------------------------------------------------


class CostType(StrEnum):
    """What an amount is paid for."""

    FIXED = "fixed"  # the whole period
    CPM = "cpm"  # a thousand prints
    CPC = "cpc"  # a click
    CPO = "cpo"  # an opening


class Cost(Body):
    """What a campaign costs, over a part of its period or all of it."""

    start: Day | None = Field(None, alias="from", description="The campaign's first day when absent.")
    end: Day | None = Field(None, alias="to", description="The campaign's last day when absent.")
    amount: Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False, examples=[1500])]
    type: Annotated[Literal["fixed", "cpm", "cpc", "cpo"], Field(description="Fixed, or per thousand prints, ...")]
    currency: Currency = Field(UNSET, description="The application's when absent.")


Costs = Annotated[list[Cost], Field(min_length=1, max_length=1000)]


class CampaignWindows(Body):
    """How long before an outcome a touch of this campaign counts, in days; what is absent is as in the application."""

    click: Count = UNSET
    print: Count = UNSET
    opening: Count = UNSET


class CampaignCreate(Body):
    """A new campaign."""

    app: Annotated[str, Field(min_length=1)] = Field(
        UNSET, description="The application (id or key); not when the path names it."
    )
    key: Key
    lever: str = Field(UNSET, description="Accepted and ignored: the lever follows from the application's levers.")
    name: str = Field(UNSET, examples=["Spring sale"])
    description: str = UNSET
    provider: str = UNSET
    agency: str = UNSET
    format: str = UNSET
    start: Day = Field(UNSET, alias="from", description="The first day.")
    end: Day = Field(UNSET, alias="to", description="The last day, included.")
    extra: Scalars = Field(UNSET, examples=[{"segment": "vip"}])
    sites: References = Field(UNSET, description="By id or key; a campaign without sites is global.")
    costs: Costs = UNSET
    windows: CampaignWindows = UNSET


class CampaignUpdate(Body):
    """The fields to change; null clears one where it is allowed."""

    key: Key = UNSET
    name: str | None = None
    description: str | None = None
    provider: str | None = None
    agency: str | None = None
    format: str | None = None
    start: Day | None = Field(None, alias="from")
    end: Day | None = Field(None, alias="to")
    extra: Scalars | None = None
    tags: Tags | None = None
    sites: References | None = None
    costs: Costs | None = None
    windows: CampaignWindows | None = None


class Extra(Answer):
    """One extra."""

    key: str
    value: str | int | float | bool | None


class _CampaignBase(Answer):
    """What all answers have of a campaign."""

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
    flag: int = Field(0, description="Bits: 1 a declared period, 2 a computed one, 4 costs.")
    provider: str | None = None
    agency: str | None = None
    format: str | None = None
    costs: list[Cost] = Field([])
    windows: CampaignWindows | None = None
    created_at: Instant = Field(alias="createdAt")
    updated_at: Instant = Field(alias="updatedAt")


class CampaignAnswer(_CampaignBase):
    """A campaign."""

    extra: Scalars | None = None


class CampaignInList(_CampaignBase):
    """A campaign, its extras as a list unless `with_extra` asks for an object."""

    extra: list[Extra] | Scalars = Field([])


def with_extra_list(campaign: Json) -> Json:
    """A campaign with its extras as a list."""
    return campaign | {"extra": [{"key": name, "value": value} for name, value in campaign.get("extra", {}).items()]}


def with_extra_object(campaign: Json) -> Json:
    """A campaign with its extras as an object, also when it has none."""
    return campaign | {"extra": campaign.get("extra", {})}


class CampaignQuery(PeriodQuery):
    """What a list of campaigns can be narrowed by."""

    period: Literal["direct", "computed"] = Field(
        "direct", description="Which period `sb` to `to` look at: the declared one, or that of the data."
    )
    g: Switch = Field(False, description="Only global campaigns: those without sites.")
    sites: References = Field(UNSET, description="Any of these sites (ids or keys).")
    lever: References = Field(UNSET, description="Any of these levers (ids or keys).")
    levers: References = Field(UNSET, description="The same.")
    provider: Text = UNSET
    agency: Text = UNSET
    format: Text = UNSET
    extra: Annotated[list[Text], Field(min_length=1, max_length=100)] = Field(
        UNSET, description="`name:value`, or `name` for any value.", examples=[["segment:vip"]]
    )
    extra_mode: Literal["or", "and"] = Field("or", description="Whether any of `extra` is enough.")
    with_extra: Switch = Field(False, description="`extra` as an object, in the place of a list.")
    trigger: Switch = Field(False, description="Only campaigns of a trigger lever.")

    def to_condition(self) -> Condition:
        """The campaigns wanted, `sites` and levers aside.  Raises Impossible."""
        days = ("computedFrom", "computedTo") if self.period == "computed" else ("from", "to")
        exact = {name: getattr(self, name) for name in ("provider", "agency", "format")}
        return (
            super().to_condition()
            & self.match_period(*days)
            & (equal("global", True) if self.g else EVERYTHING)
            & (equal("_cachedLeverTrigger", True) if self.trigger else EVERYTHING)
            & AllOf(tuple(equal(name, value) for name, value in exact.items() if value))
            & self._with_extras()
        )

    def _with_extras(self) -> Condition:
        if not self.extra:
            return EVERYTHING
        each = tuple(Overlaps("extraTerms", (term,)) for term in self.extra)
        return AllOf(each) if self.extra_mode == "and" else AnyOf(each)


# -- levers --------------------------------------------------------------------------------------------------

_Values = Annotated[list[Text], Field(min_length=1, max_length=1000)]


class LeverMatch(Body):
    """What campaigns a lever is for: those that have, in each field named, one of its values."""

    format: _Values = UNSET
    provider: _Values = UNSET
    agency: _Values = UNSET


class LeverUpdate(Body):
    """The fields to change; null clears one where it is allowed."""

    key: Key = UNSET
    name: str | None = None
    trigger: bool = UNSET
    match: LeverMatch | None = Field(None, description="A lever without a match is no campaign's.")
    position: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        UNSET, description="A campaign has the first lever, by position, whose match holds; last when absent."
    )


class LeverCreate(LeverUpdate):
    """A new lever; only its key is required."""

    key: Key


class LeverAnswer(Answer):
    """A lever."""

    id: Identifier = Field(alias="_id")
    application: Identifier
    key: str
    name: str | None = None
    trigger: bool
    match: LeverMatch | None = None
    position: int | None = Field(None, description="Null for `other`, which comes after all others.")
    created_at: Instant = Field(alias="createdAt")
    updated_at: Instant = Field(alias="updatedAt")


class LeverQuery(PageQuery):
    """What a list of levers can be narrowed by."""

    q: Text = Field(UNSET, description="A text to look for in names and keys.")

    def wants(self, lever: Json, folded: Any) -> bool:
        """Whether the lever has the text; `folded` takes case and accents off."""
        texts = (lever["key"], lever.get("name") or "")
        return not self.q or any(folded(self.q) in folded(text) for text in texts)
