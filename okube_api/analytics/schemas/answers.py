"""Models of answers, for the OpenAPI document only: the server builds the bytes itself and does not validate them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, WithJsonSchema
from typing_extensions import TypeAliasType, TypedDict

from okube_api.analytics.schemas.parts import GranularityName
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.catalogue.scopes import Scope
from okube_api.engine.notes import NoteCode

_KPI_NAMES: Any = {"enum": list(dict.fromkeys(name for module in Module for name in BY_NAME[module]))}

Leaf = TypeAliasType(
    "Leaf",
    Annotated[
        Any,
        WithJsonSchema(
            {
                "description": "A value: a number, an object whose fields depend on the KPI (see `leaf` and `example` "
                "in `GET /analytics/kpis`), or null where there is none.",
                "anyOf": [{"type": "number"}, {"type": "object", "additionalProperties": True}, {"type": "null"}],
            }
        ),
    ],
)


class ScopeValues(TypedDict, total=False):
    """The values of one site, campaign, area or other scope value, with its requested properties."""

    _id: Annotated[str, Field(description="Id of the resource.")]
    code: Annotated[str, Field(description="IRIS code of the area.")]
    key: Annotated[str | None, Field(description="Key of the resource.")]
    name: Annotated[str | None, Field(description="Name of the resource, area or extra.")]
    all: Annotated[Leaf, Field(description="The value over the whole period.")]
    share: Annotated[float | None, Field(description="With `share`: the share of the whole, null when that is 0.")]
    temporals: Annotated[dict[str, Leaf], Field(description="The value of each bucket with data.")]


class OuterValues(ScopeValues, total=False):
    """What is known of an outer value by itself, with its requested properties."""

    total: Annotated[int, Field(description="With `limit` of the inner grouping: how many inner values there are.")]


# A pattern instead of a union: the clients of some generators lose the data of a union within a union.
_DATA: Any = {
    "additionalProperties": True,
    "patternProperties": {
        "^all$": {"$ref": "#/components/schemas/Leaf"},
        "^temporals$": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Leaf"}},
        "^(?!all$|temporals$)": {"$ref": "#/components/schemas/ScopeValues"},
    },
}


class LastDays(BaseModel):
    """The last days that count in a comparison of periods of which one is not over; null when none does."""

    now: str | None = Field(description="Of the question's period.")
    then: str | None = Field(description="Of the period that it is compared with.")


class PeriodComparison(BaseModel):
    """The values of another period, and the changes since."""

    to: str | dict[str, str] = Field(description="The period, as the request names it.")
    from_: str | None = Field(alias="from", description="The first day of the other period.")
    until: str | None = Field(description="The last day of the other period that counts.")
    complete: bool | None = Field(
        None, description="`false` when one of the periods is not over: only as many days as have passed are compared."
    )
    lastDays: LastDays | None = Field(None, description="With `complete`: the last days that count.")  # noqa: N815
    data: dict[str, Any] = Field(
        description="The values of the other period, in the shape of `data` of the element.", json_schema_extra=_DATA
    )
    outer: dict[str, OuterValues] | None = Field(
        None, description="`outer` of the element, in the other period; it has no changes."
    )
    change: dict[str, Any] = Field(
        description="The changes, in the same shape: `(now - then) / then`, or `now - then` for rates; null where one "
        "of the values is missing, and relative to 0.",
        json_schema_extra=_DATA,
    )


class Result(BaseModel):
    """The values of one param by one scope."""

    kpi: str = Field(description="Name of the KPI.", json_schema_extra=_KPI_NAMES)
    mode: Literal["histogram", "aggregation"]
    scope: str = Field(
        description="Scope that the values are answered by, or the names of the groupings of `by`, joined by a comma.",
        examples=[*map(str, Scope), "sites.attributes.region,sites"],
    )
    granularity: GranularityName
    total: int | None = Field(
        None, description="With `limit`: how many scope values there are before it; by two groupings, of the outer one."
    )
    outer: dict[str, OuterValues] | None = Field(
        None,
        description="By two groupings, if the outer one has options or the inner one a limit: the properties and "
        "values of each outer value.",
    )
    data: dict[str, Any] = Field(
        description="For `globals`: `all` (a `Leaf`) and `temporals` (a `Leaf` for each bucket). For other scopes: "
        "`ScopeValues` by identifier; by two groupings, by outer and then by inner value. `others` has what is "
        "not shown.",
        json_schema_extra=_DATA,
    )
    comparisons: list[PeriodComparison] | None = Field(
        None, description="With `compare`: one element for each period, in the order of the request."
    )


class NoteShown(BaseModel):
    """A note on the values of an answer."""

    code: str = Field(
        description=f"What the note is about: {', '.join(f'`{code}`' for code in NoteCode)}. There may be more later."
    )
    message: str


class SiteLeftOut(BaseModel):
    """A site that a like-for-like comparison leaves out."""

    _id: Annotated[str, Field(description="Id of the site.")]
    key: str
    name: str | None
    reason: Literal["inactive", "no_data"]
    from_: str | None = Field(alias="from", description="`no_data`: the first of the days without enough data.")
    to: str | None = Field(description="`no_data`: the last of these days.")


class Meta(BaseModel):
    """The period and context of the answer, and its cost."""

    from_: str = Field(alias="from", description="The first local day.")
    to: str = Field(description="The last local day.")
    timezone: str = Field(description="The application's time zone.")
    freshness: str | None = Field(description="The instant of the last ingest.")
    uplift: bool
    rows: int = Field(description="Number of rows read.")
    ms: int = Field(description="Duration in milliseconds.")
    buckets: dict[str, list[str]] = Field(description="The first day of each bucket, by granularity.")
    cut: dict[str, list[str]] = Field(
        description="The buckets that are only partly in the period, by granularity: their keys in `temporals`."
    )
    change: dict[str, str | dict[str, str]] | None = Field(
        None,
        description="With `compare`: which change each KPI has, `relative` or `difference`; of objects that of each "
        "field, by its dotted name.",
    )
    comparedBuckets: list[dict[str, list[str]]] | None = Field(  # noqa: N815
        None,
        description="With `compare`: the first days of the buckets of the other periods, by granularity, in the order "
        "of `comparisons`.",
    )
    likeForLike: list[SiteLeftOut] | None = Field(  # noqa: N815
        None, description="With `likeForLike`: the sites that are left out, and why."
    )
    notes: list[NoteShown] = Field(description="Notes on the values, such as data that was left out.")
    dwell: Literal["observed", "expected"] | None = Field(
        None, description="Geo-marketing: what the dwell of a stay of pings is, as the setting `stays.dwell` says."
    )


class WithMeta(BaseModel):
    """The answer with `?meta=true` or `?explain=true`."""

    results: list[Result]
    meta: Meta
    plan: list[dict[str, Any]] | None = Field(None, description="With `explain`: each pass, as sent to the store.")


class GroupingShown(BaseModel):
    """How a KPI can be broken down by one grouping."""

    sums_to_whole: bool = Field(
        alias="sumsToWhole",
        description="Whether the values add up to that of `globals`. Where they do not, shares can add up to more "
        "than 1.",
    )
    has_remainder: bool = Field(alias="others", description="Whether the option `others` can be used.")


class ImpossiblePair(BaseModel):
    """Two groupings that a KPI cannot be broken down by together."""

    by: list[str] = Field(description="Their names, in any order.")
    reason: str


class KpiShown(BaseModel):
    """A KPI of the catalogue."""

    module: str
    kpi: str
    unit: str = Field(
        description="`n` count, `s` seconds, `d` days, `m` metres, `EUR` the application's currency, `1` ratio."
    )
    kind: str = Field(description="How the KPI adds up: A, A*, S, U, R, D or C. See `docs/kpis.md`.")
    scopes: list[str] = Field(description="Scopes that the KPI can be requested by.")
    leaf: str = Field(description="The shape of the values under `all` and under each bucket.")
    example: Any = Field(description="A value of that shape.")
    description: str = Field(description="Its definition.")
    meaning: str = Field(description="What it tells, in plain words.")
    formula: list[str] = Field(
        description="How it is computed: one line, or one for each field of a record; another line for a scope by "
        "which it is computed differently. Names are those of KPIs of the same module, or of fields of the record."
    )
    events: list[str] = Field(
        description="The kinds of events that it is computed from. Besides these, all can use weights (`panelists`), "
        "and costs those of campaigns."
    )
    granularities: dict[Literal["histogram", "aggregation"], list[GranularityName]] = Field(
        description="The granularities that the KPI has, by mode; fiscal ones if the application has such a calendar."
    )
    by: dict[str, GroupingShown] = Field(
        description="What the KPI can be broken down by, in `by` of a param. `<name>` stands for the name of any "
        "attribute or extra."
    )
    impossible_pairs: list[ImpossiblePair] = Field(
        alias="impossiblePairs", description="The pairs of these that cannot be asked for together."
    )
    options: list[str] = Field(description="The options that the KPI takes.")
    change: Literal["relative", "difference"] | dict[str, Literal["relative", "difference"]] = Field(
        description="What comparisons give: the relative change or the difference; of objects, which of the two each "
        "field has, by its dotted name."
    )
