"""Models of answers, for the OpenAPI document only: the server builds the bytes itself and does not validate them."""

from typing import Any

from pydantic import BaseModel, Field


class Result(BaseModel):
    """The values of one param by one scope."""

    kpi: str
    mode: str
    scope: str
    granularity: str
    total: int | None = Field(None, description="With `limit`: the number of scope values before the limit.")
    data: dict[str, Any] = Field(
        description="For `globals`: `all` and `temporals`. For other scopes: the same by identifier, "
        "with the requested properties."
    )


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
    notes: list[str] = Field(description="Notes on the values, such as data that was left out.")


class WithMeta(BaseModel):
    """The answer with `?meta=true` or `?explain=true`."""

    results: list[Result]
    meta: Meta
    plan: list[dict[str, Any]] | None = Field(None, description="With `explain`: each pass, as sent to the store.")


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
    description: str
