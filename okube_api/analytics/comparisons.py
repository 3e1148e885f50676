"""The periods that a request is compared with: which days of them are set against which days of its own."""

from collections.abc import Iterable
from dataclasses import dataclass

from okube_api.analytics.schemas.compare import Compare, GivenPeriod, to_compared
from okube_api.analytics.scope import QuestionScope
from okube_api.catalogue.buckets import to_date
from okube_api.engine.calendar import Period, PeriodError
from okube_api.engine.compared_periods import ComparedDays, find_compared_days
from okube_api.engine.notes import Note, NoteCode
from okube_api.errors import Impossible
from okube_api.store.values import Json


@dataclass(frozen=True, slots=True)
class RequestedComparison:
    """A comparison of a request.

    to: the period as the request names it.  days: what is compared; None when no day of it is over.
    """

    to: str | Json
    days: ComparedDays | None

    @property
    def name(self) -> str:
        """The name of the period; a given one as `from..to`."""
        return self.to if isinstance(self.to, str) else f"{self.to['from']}..{self.to['to']}"

    def describe(self) -> Json:
        """Return the fields of a comparison before its values.

        `from` and `until` are the days of the other period that count.  If one of the periods is not over, `lastDays`
        are the last days that count of both; they are null when none does.
        """
        days = self.days
        head: Json = {"to": self.to, "from": None, "until": None}
        if days is not None:
            head |= {"from": _format_day(days.other.first), "until": _format_day(days.other.last)}
        if days is None or not days.is_complete:
            last_days = (None, None) if days is None else (_format_day(days.own.last), _format_day(days.other.last))
            head |= {"complete": False, "lastDays": dict(zip(("now", "then"), last_days, strict=True))}
        return head

    def find_note(self) -> Note | None:
        """Return a note on the days that are compared when one of the periods is not over.

        CSV has nothing else that says it.
        """
        days = self.days
        if days is None:
            message = f"No day of the comparison with {self.name} is over: it has no values."
        elif not days.is_complete:
            own, other = (
                f"{_format_day(period.first)} to {_format_day(period.last)}" for period in (days.own, days.other)
            )
            message = (
                f"The comparison with {self.name} leaves out days that are not over: it sets {own} against {other}."
            )
        else:
            return None
        return Note(NoteCode.INCOMPLETE_COMPARISON, message)


def _format_day(day: int) -> str:
    return to_date(day).isoformat()


def read_comparisons(
    compare: Compare | None, scope: QuestionScope, period: Period, *, last_complete: int
) -> tuple[RequestedComparison, ...]:
    """Return the comparisons of a request, in the order asked.

    last_complete: the last day that is over, as an ordinal.
    Raise Impossible, with a pointer, for a period that does not exist, and for like-for-like of one site.
    """
    if compare is None:
        return ()
    if compare.like_for_like and scope.site is not None:
        message = "'likeForLike' chooses among sites; this question is about one. Ask under the application."
        raise Impossible.at("body", "/compare/likeForLike", message)
    comparisons = []
    for index, target in enumerate(compare.targets):
        try:
            days = find_compared_days(period, to_compared(target), last_complete)
        except PeriodError as error:
            pointer = f"/compare/to/{index}" if isinstance(compare.to, list) else "/compare/to"
            raise Impossible.at("body", pointer, str(error)) from None
        to = {"from": target.start, "to": target.end} if isinstance(target, GivenPeriod) else target
        comparisons.append(RequestedComparison(to, days))
    return tuple(comparisons)


def list_compared_periods(comparisons: Iterable[RequestedComparison]) -> list[Period]:
    """Return all periods that are compared, the request's own days included, each once."""
    pairs = (comparison.days for comparison in comparisons if comparison.days is not None)
    return list(dict.fromkeys(period for days in pairs for period in (days.own, days.other)))
