"""The comparison of a question with other periods."""

from datetime import date
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from okube_api.analytics.schemas.parts import StrictModel
from okube_api.catalogue.buckets import to_ordinal
from okube_api.engine.calendar import Period, PeriodError
from okube_api.engine.compared_periods import Shift
from okube_api.kit.schemas import Day

MOST_COMPARISONS = 4

ShiftName = Literal["previousPeriod", "previousYear", "previousYearSameWeekday", "previousQuarter", "previousMonth"]
_SHIFT_NAMES = Field(
    description="`previousPeriod`: as many days, right before. `previousYear`, `previousQuarter`, `previousMonth`: the "
    "same day numbers, or the last day of a shorter month. `previousYearSameWeekday`: 364 days earlier."
)


class GivenPeriod(StrictModel):
    """A period of any length."""

    start: Day = Field(alias="from", description="The first local day.")
    end: Day = Field(alias="to", description="The last local day, included.")

    @property
    def period(self) -> Period:
        """The days of the period.  Raises PeriodError."""
        first, last = (to_ordinal(date.fromisoformat(day)) for day in (self.start, self.end))
        return Period(first, last)


def _check_given_period(given: GivenPeriod) -> GivenPeriod:
    """Refuse a period that ends before it starts, or is too long."""
    try:
        given.period  # noqa: B018 - raises
    except PeriodError as error:
        raise PydanticCustomError("impossible", "{message}", {"message": str(error)}) from None
    return given


def _find_target_tag(value: Any) -> str:
    if isinstance(value, list):
        return "@list"
    return "@period" if isinstance(value, dict | BaseModel) else "@shift"


def _check_shift_name(value: Any) -> Any:
    """Refuse what is no period, with all that is one."""
    names = get_args(ShiftName)
    if value not in names:
        message = f"Use {', '.join(map(repr, names))}, or an object with 'from' and 'to'"
        raise PydanticCustomError("enum", "{message}", {"message": message})
    return value


_Shift = Annotated[ShiftName, BeforeValidator(_check_shift_name), _SHIFT_NAMES, Tag("@shift")]
_Period = Annotated[GivenPeriod, AfterValidator(_check_given_period), Tag("@period")]
_BY_TYPE = Discriminator(_find_target_tag)
Target = Annotated[_Shift | _Period, _BY_TYPE]


def _check_number(targets: list[Any]) -> list[Any]:
    """Refuse too many periods, and none."""
    if not 1 <= len(targets) <= MOST_COMPARISONS:
        message = f"'to' has {len(targets)} periods; a question is compared with 1 to {MOST_COMPARISONS}."
        raise PydanticCustomError("impossible", "{message}", {"message": message})
    return targets


_Targets = Annotated[
    list[Target],
    AfterValidator(_check_number),
    Field(json_schema_extra={"minItems": 1, "maxItems": MOST_COMPARISONS}),
    Tag("@list"),
]


def _describe_any(schema: dict[str, Any]) -> None:
    """Write the alternatives as `anyOf`: a generator of clients cannot express a list of unions within a `oneOf`."""
    schema["anyOf"] = schema.pop("oneOf")


class Compare(StrictModel):
    """With which periods to compare the values, and whether for the same sites only."""

    to: Annotated[_Shift | _Period | _Targets, _BY_TYPE] = Field(
        description="A period, or up to 4 of them: by where it lies from the question's period, or by its days.",
        json_schema_extra=_describe_any,
    )
    like_for_like: bool = Field(
        False,
        alias="likeForLike",
        description="Count only the sites that were open in all these periods: active, and with data in the first and "
        "in the last week of each. Not for questions about one site.",
    )

    @property
    def targets(self) -> list[ShiftName | GivenPeriod]:
        """The periods to compare with, in the order asked."""
        return self.to if isinstance(self.to, list) else [self.to]


def to_compared(target: ShiftName | GivenPeriod) -> Shift | Period:
    """Return what a period to compare with is for the engine."""
    return target.period if isinstance(target, GivenPeriod) else Shift(target)
