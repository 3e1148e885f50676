"""The query parameters of a question."""

from datetime import date
from typing import Literal

from pydantic import ConfigDict, Field

from okube_api.kit.file_options import CsvOptions
from okube_api.kit.schemas import UNSET, Day
from okube_api.kit.switches import Switch


class UrlParams(CsvOptions):
    """The period, what to add to the answer, and its format."""

    model_config = ConfigDict(extra="forbid")

    start: Day = Field(
        UNSET,
        alias="from",
        description="The first local day. Without `from` and `to`: the study's own period, or else the last 30 "
        "complete days. With `to` alone: 29 days before it.",
    )
    end: Day = Field(
        UNSET,
        alias="to",
        description="The last local day, included. With `from` alone: 29 days after it, yesterday at the latest.",
    )
    meta: bool = Field(False, description="Return `{results, meta}` instead of the results alone.")
    explain: bool = Field(
        False, description="Add the plan: what is sent to the store. Needs the role `admin` in the application."
    )

    format: Literal["json", "csv", "xlsx", "parquet"] = Field(
        UNSET, description="The format of the answer; if absent, the one that `Accept` prefers."
    )
    layout: Literal["long", "wide"] = Field(
        UNSET,
        description="How a table has values that consist of several numbers, such as distributions: a line for each "
        "number (`long`), or a column for each field, with lists as JSON (`wide`). The default is `long`, but `wide` "
        "for CSV that is requested by `Accept` alone.",
    )

    wait: Switch = Field(
        True,
        description="`false` makes the question a job: the answer is 202 at once, and `Location` is the address of the "
        "job. `Prefer: respond-async` does the same.",
    )

    @property
    def first_day(self) -> date | None:
        """The first day, if given."""
        return date.fromisoformat(self.start) if self.start else None

    @property
    def last_day(self) -> date | None:
        """The last day, if given."""
        return date.fromisoformat(self.end) if self.end else None

    @property
    def uplifted(self) -> bool:
        """Whether the panel is extrapolated to the population."""
        return False


class UpliftUrlParams(UrlParams):
    """The query parameters of a module whose users are a panel."""

    uplift: bool = Field(True, description="Extrapolate the panel to the population; false counts each user once.")

    @property
    def uplifted(self) -> bool:
        """Whether the panel is extrapolated to the population."""
        return self.uplift


class PerformanceUrlParams(UrlParams):
    """The query parameters of performance, which counts what was measured unless an extrapolation is requested."""

    uplift: bool = Field(False, description="Extrapolate the panel to the population; false counts each user once.")

    @property
    def uplifted(self) -> bool:
        """Whether the panel is extrapolated to the population."""
        return self.uplift
