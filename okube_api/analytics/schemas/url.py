"""What the URL of a question may say."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from okube_api.kit.schemas import UNSET, Day


class UrlParams(BaseModel):
    """The period, and what the answer is to tell beside its numbers."""

    model_config = ConfigDict(extra="forbid")

    start: Day = Field(
        UNSET,
        alias="from",
        description="The first local day. Without `from` and `to`: the study's own period, or else the last 30 "
        "complete days; with `to` alone, 29 days before it.",
    )
    end: Day = Field(
        UNSET, alias="to", description="The last local day, included; with `from` alone, 29 days after it or yesterday."
    )
    meta: bool = Field(False, description="Wraps the answer: `{results, meta}`.")
    explain: bool = Field(False, description="Adds what is sent to the store; for the application's admins.")

    @property
    def first_day(self) -> date | None:
        """The first day, when it is given."""
        return date.fromisoformat(self.start) if self.start else None

    @property
    def last_day(self) -> date | None:
        """The last day, when it is given."""
        return date.fromisoformat(self.end) if self.end else None

    @property
    def uplifted(self) -> bool:
        """Whether the panel is extrapolated to the population."""
        return False


class UpliftUrlParams(UrlParams):
    """The same, of a module whose users are a panel."""

    uplift: bool = Field(True, description="Extrapolates the panel to the population; false counts each user once.")

    @property
    def uplifted(self) -> bool:
        """Whether the panel is extrapolated to the population."""
        return self.uplift
