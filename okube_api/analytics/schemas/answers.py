"""The answers, for the OpenAPI document: the server builds them as bytes and never validates them again."""

from typing import Any

from pydantic import BaseModel, Field


class Result(BaseModel):
    """One param by one scope."""

    kpi: str
    mode: str
    scope: str
    granularity: str
    total: int | None = Field(None, description="With `limit`: how many scope values there were.")
    data: dict[str, Any] = Field(
        description="Globals: `all` and `temporals`. Others: the same by identifier, with the properties asked for."
    )


class Meta(BaseModel):
    """What the answer is about and what it took."""

    from_: str = Field(alias="from", description="The first local day.")
    to: str = Field(description="The last local day.")
    timezone: str = Field(description="The application's time zone.")
    freshness: str | None = Field(description="The last instant at which something was ingested.")
    uplift: bool
    rows: int = Field(description="Rows that were read.")
    ms: int = Field(description="Milliseconds that it took.")
    buckets: dict[str, list[str]] = Field(description="The first day of every increment, by granularity.")
    notes: list[str] = Field(description="What to know about the numbers.")


class WithMeta(BaseModel):
    """The answer with `?meta=true` or `?explain=true`."""

    results: list[Result]
    meta: Meta
    plan: list[dict[str, Any]] | None = Field(None, description="With `explain`: every pass, as sent to the store.")


class KpiShown(BaseModel):
    """A KPI of the catalogue."""

    module: str
    kpi: str
    unit: str = Field(description="n count, s seconds, d days, m metres, EUR the application's currency, 1 a ratio.")
    kind: str = Field(description="How it adds up: A, A*, S, U, R, D or C; `docs/kpis.md` explains.")
    scopes: list[str] = Field(description="What it can be asked by.")
    leaf: str = Field(description="The shape of what stands under `all` and under each bucket.")
    example: Any = Field(description="A leaf of that shape.")
    description: str
