"""Finds out why a param has no values, and says it in notes.

It is only asked for params without values, so that other answers cost nothing more.  A note never claims more than was
read: what is read are sums of rollups, for the places of the question, in its period and on other days.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from okube_api.catalogue.buckets import first_day, month_number, to_date
from okube_api.catalogue.expressions.composites import Ratio, Record, Scoped
from okube_api.catalogue.expressions.exposure import Comparison, VenueRate
from okube_api.catalogue.fact import Fact, Grain, Span
from okube_api.catalogue.facts import COHORTS, CREDITS, EXPOSURES, GEO_STAYS, OUTCOMES, USERS
from okube_api.catalogue.scopes import ATTRIBUTES, PlaceRole, Scope
from okube_api.catalogue.terms import Slice, Sums, Term, UserSet
from okube_api.catalogue.value import Value
from okube_api.engine.calendar import Period
from okube_api.engine.kpi_results import KpiResult
from okube_api.engine.notes import Note, NoteCode
from okube_api.engine.question import Question
from okube_api.engine.rollup_versions import CompleteFacts, with_complete_facts
from okube_api.engine.row_conditions import RowCondition, select_rows
from okube_api.engine.run import EngineAnswer
from okube_api.store.conditions import EVERYTHING, Between, Condition, OneOf
from okube_api.store.errors import TooManyRows
from okube_api.store.plans import Aggregate, Count, Max, Min
from okube_api.store.protocol import Reader
from okube_api.store.schema import Table

HasPings = Callable[[Reader, Period], Awaitable[bool]]
"""Returns whether there are pings in a period, wherever they are."""

_QUALIFIERS: Mapping[tuple[str, str | int], str] = {
    ("attributed", 0): "unattributed ",
    ("attributed", 1): "attributed ",
    ("channel", "offline"): "offline ",
    ("channel", "online"): "online ",
    ("zone", "indoor"): "indoor ",
    ("zone", "outdoor"): "outdoor ",
    ("control", 0): "",
    ("control", 1): "control ",
}
"""What precedes the noun of rows that hold a value in a column.  Conditions on other columns have no words."""
_PLACES = {
    PlaceRole.SITES: " at the sites of the question",
    PlaceRole.POIS: " at the points of interest of the question",
    PlaceRole.STUDY: " at the places of the study",
}


async def explain_empty_params(
    question: Question, answer: EngineAnswer, reader: Reader, has_pings: HasPings, complete_facts: CompleteFacts
) -> tuple[Note, ...]:
    """Return notes on why params have no values: each note once; none when all params have values.

    reader: the snapshot that the answer comes from.
    """
    with_values = {result.kpi_request.position for result in answer.kpi_results if _has_values(result)}
    empty = [request for request in question.requested_kpis if request.position not in with_values]
    if not empty:
        return ()
    terms = dict.fromkeys(
        term
        for request in empty
        for term in _list_decisive_terms(question.value_of(request.kpi), request.scopes[0].scope)
    )
    question = await with_complete_facts(question, reader, complete_facts)
    finder = _ReasonFinder(question, answer, reader, has_pings)
    notes: dict[Note, None] = {}
    try:
        for term in terms:
            async for note in finder.find_reasons(term):
                notes[note] = None
    except TooManyRows:
        pass  # the limit is for the answer, which is complete
    return tuple(notes)


def _has_values(result: KpiResult) -> bool:
    """Return whether a result has data; filled buckets have values without any."""
    return result.values > 0 and (not result.kpi_request.fill or len(result.results.keys) > 0)


def _list_decisive_terms(value: Value, scope: Scope) -> Iterator[Term]:
    """Yield the terms without whose rows an expression has no values: of a ratio, those of the denominator."""
    match value:
        case Ratio():
            yield from value.denominator.terms(scope)
        case Record():
            for _, part in value.fields:
                yield from _list_decisive_terms(part, scope)
        case Scoped():
            yield from _list_decisive_terms(value.for_scope(scope), scope)
        case VenueRate() | Comparison():
            yield value.exposed
        case _:
            yield from value.terms(scope)


@dataclass(frozen=True, slots=True)
class _NearestDays:
    """Whether rows exist in the period, and the ordinals of the last day before and of the first day after it.

    is_complete: whether all other days were looked at: not when there are rows in the period, nor before the rollups
        of an older version are rebuilt.
    """

    in_period: bool
    before: int | None = None
    after: int | None = None
    is_complete: bool = False


class _ReasonFinder:
    """Finds reasons why terms of one question have no rows; what it has read is used again."""

    def __init__(self, question: Question, answer: EngineAnswer, reader: Reader, has_pings: HasPings) -> None:
        self._question, self._answer, self._reader, self._has_pings = question, answer, reader, has_pings
        self._unfiltered = question.without_filters()
        self._days: dict[tuple[Fact, Condition], _NearestDays] = {}

    async def find_reasons(self, term: Term) -> AsyncIterator[Note]:
        """Yield notes on why a term has no rows."""
        slice_ = term.slice
        if slice_.place is not None and not self._question.places[slice_.place[0]] and not slice_.placeless:
            if note := self._question.absent_places.get(slice_.place[0]):
                yield note
            return
        if _reads_costs(term):
            yield self._explain_costs()
            return
        if await self._has_rows(term):
            if self._is_filtered_by_panel(term):
                yield self._note_filters(slice_)
            return
        days = await self._find_days(slice_, *self._select_unfiltered(term))
        if days.in_period:
            yield self._note_filters(slice_)
            return
        if slice_.fact in (COHORTS, CREDITS) or ("attributed", (1,)) in slice_.fixed:
            async for note in self._explain_attribution(slice_):
                yield note
            return
        code = NoteCode.NO_EXPOSURES if slice_.fact is EXPOSURES else NoteCode.NO_EVENTS
        yield self._note_days(code, slice_, days)
        if slice_.fact is GEO_STAYS:
            anywhere = Slice(GEO_STAYS, None, ())
            if not (await self._find_days(anywhere, EVERYTHING, frozenset())).in_period and await self._has_pings(
                self._reader, self._question.period
            ):
                yield Note(
                    NoteCode.NO_PLACE_MATCHED,
                    f"There are pings {self._describe_period()}, but none of them belongs to a stay at a place of the "
                    "application. Check the coordinates and the radius of its places.",
                )

    def _select_unfiltered(self, term: Term) -> RowCondition:
        """Return the condition on the rows of a term without filters."""
        return _describe_condition(term, *select_rows(term, self._unfiltered))

    async def _has_rows(self, term: Term) -> bool:
        """Return whether there are rows of a term, filters included."""
        plan = self._answer.plan
        needs = {need for key, need in plan.needs.items() if key[0] == term}
        numbers = {number for need in needs for number in plan.passes_of_need[need]}
        passes = [plan.passes[number] for number in numbers]
        # A sum without keys has a row even when there is nothing to sum, and rows can be subtracted from each other.
        if any(each.sign < 0 or (isinstance(each.node, Aggregate) and not each.node.by) for each in passes):
            return await self._count_rows(term) > 0
        described_by = [pair for pair in term.slice.described_by if pair in _QUALIFIERS]
        tables = [self._answer.fetched.tables[number] for number in numbers]
        return any(_keep_described(table, described_by).num_rows for table in tables)

    async def _count_rows(self, term: Term) -> int:
        """Count the rows of a term in the smallest table that has the columns of the filters."""
        fact, period = term.slice.fact, self._question.period
        where, columns = _describe_condition(term, *select_rows(term, self._question))
        grains = [grain for grain in self._list_grains(fact) if columns <= set(grain.dimensions)]
        grain = min(grains, key=lambda grain: len(grain.dimensions), default=None)
        table = fact.daily_table if grain is None else fact.rollup(grain, Span.DAY)
        return await self._read_extreme(table, where & Between("part", period.first, period.last), Count("n")) or 0

    def _is_filtered_by_panel(self, term: Term) -> bool:
        """Return whether users of the rows are left out by their attributes, which are looked up after reading."""
        return (
            isinstance(term, UserSet)
            and term.members == USERS
            and any(scope in ATTRIBUTES for scope, _ in self._question.filters)
        )

    async def _explain_attribution(self, slice_: Slice) -> AsyncIterator[Note]:
        """Yield notes on why no outcome is attributed to a campaign."""
        qualifiers = tuple(pair for pair in slice_.described_by if pair[0] == "channel")
        outcomes = Slice(OUTCOMES, slice_.place, (), described_by=qualifiers)
        touches = Slice(EXPOSURES, None, ())
        touch_days = await self._find_days(touches, EVERYTHING, frozenset())
        if slice_.fact is not COHORTS:  # which are on the days of touches
            outcome_days = await self._find_days(outcomes, *self._select_unfiltered(Sums(outcomes, ())))
            if not outcome_days.in_period:
                yield self._note_days(NoteCode.NO_EVENTS, outcomes, outcome_days)
                return
        if not touch_days.in_period:
            message = f"There are no touches of any campaign {self._describe_period()}.{_describe_days(touch_days)}"
            yield Note(NoteCode.NO_TOUCHES, message)
        else:
            rows, period = _describe_rows(outcomes), self._describe_period()
            if slice_.fact is COHORTS:
                message = f"None of the {rows} follow a touch of a campaign {period} within its window."
            else:
                message = f"None of the {rows} {period} follow a touch of a campaign within its window."
            yield Note(NoteCode.NOT_ATTRIBUTED, message)

    def _explain_costs(self) -> Note:
        question = self._question
        selected = question.campaigns if question.selected_campaigns is None else question.selected_campaigns
        if any(question.campaigns[campaign].costs for campaign in selected):
            message = f"No costs of campaigns fall to the sites of the question {self._describe_period()}."
        else:
            message = "No campaign of the question has a cost in the currency of the application."
        return Note(NoteCode.NO_COSTS, message)

    # -- days with rows ----------------------------------------------------------------------------------------

    async def _find_days(self, slice_: Slice, where: Condition, columns: frozenset[str]) -> _NearestDays:
        """Return when the fact of a slice has rows that meet a condition, which names these columns."""
        key = (slice_.fact, where)
        if key not in self._days:
            self._days[key] = await self._read_days(slice_.fact, where, columns)
        return self._days[key]

    async def _read_days(self, fact: Fact, where: Condition, columns: frozenset[str]) -> _NearestDays:
        """Read the nearest days: first in the months of the period, then further away by month."""
        daily, monthly = self._choose_tables(fact, columns)
        period = self._question.period
        first_month, last_month = month_number(period.first), month_number(period.last)
        around = where & Between("part", first_day("month", first_month), first_day("month", last_month + 1) - 1)
        inside = where & Between("part", period.first, period.last)
        if await self._read_extreme(daily, inside, Count("n")):
            return _NearestDays(in_period=True)
        if monthly is None:
            return _NearestDays(in_period=False)
        before = await self._read_extreme(daily, around & Between("part", None, period.first - 1), Max("day", "n"))
        after = await self._read_extreme(daily, around & Between("part", period.last + 1, None), Min("day", "n"))
        if before is None:
            earlier = where & Between("part", None, first_month - 1)
            month = await self._read_extreme(monthly, earlier, Max("month", "n"))
            if month is not None:
                before = await self._read_extreme(daily, where & _in_month(month), Max("day", "n"))
        if after is None:
            later = where & Between("part", last_month + 1, None)
            month = await self._read_extreme(monthly, later, Min("month", "n"))
            if month is not None:
                after = await self._read_extreme(daily, where & _in_month(month), Min("day", "n"))
        return _NearestDays(False, before, after, is_complete=True)

    async def _read_extreme(self, table: Table, where: Condition, measure: Count | Max | Min) -> int | None:
        rows = await self._reader.aggregate(Aggregate(table, where, (), (measure,)))
        value: int | None = rows["n"][0].as_py()
        return value

    def _choose_tables(self, fact: Fact, columns: frozenset[str]) -> tuple[Table, Table | None]:
        """Return the smallest rollups by day and by month that have these columns; the fact alone if none has."""
        usable = [
            grain for grain in self._list_grains(fact) if columns <= set(grain.dimensions) and Span.MONTH in grain.spans
        ]
        grain = min(usable, key=lambda grain: len(grain.dimensions), default=None)
        if grain is None:
            return fact.daily_table, None
        return fact.rollup(grain, Span.DAY), fact.rollup(grain, Span.MONTH)

    def _list_grains(self, fact: Fact) -> Iterator[Grain]:
        """Yield the grains of a fact whose rollups have rows for all days."""
        is_complete = fact.name in self._question.complete_facts
        return (grain for grain in fact.grains if grain.since == 1 or is_complete)

    # -- messages ----------------------------------------------------------------------------------------------

    def _note_days(self, code: NoteCode, slice_: Slice, days: _NearestDays) -> Note:
        message = f"There are no {_describe_rows(slice_)} {self._describe_period()}.{_describe_days(days)}"
        return Note(code, message)

    def _note_filters(self, slice_: Slice) -> Note:
        message = f"There are {_describe_rows(slice_)} {self._describe_period()}, but the filters keep none of them."
        return Note(NoteCode.FILTERS_KEEP_NONE, message)

    def _describe_period(self) -> str:
        period = self._question.period
        return f"from {to_date(period.first)} to {to_date(period.last)}"


def _reads_costs(term: Term) -> bool:
    return isinstance(term, Sums) and term.shared and term.daily


def _describe_condition(term: Term, where: Condition, columns: frozenset[str]) -> RowCondition:
    """Return the condition on the rows of a term with that of `described_by`, as far as messages have words for it."""
    for column, value in term.slice.described_by:
        if (column, value) in _QUALIFIERS:
            where, columns = where & OneOf(column, (value,)), columns | {column}
    return RowCondition(where, columns)


def _keep_described(table: pa.Table, described_by: Sequence[tuple[str, str | int]]) -> pa.Table:
    for column, value in described_by:
        table = table.filter(pc.equal(table[column], value))
    return table


def _in_month(month: int) -> Condition:
    return Between("part", first_day("month", month), first_day("month", month + 1) - 1)


def _describe_rows(slice_: Slice) -> str:
    """Return what the rows of a slice are, such as "attributed offline visits at the sites of the question"."""
    fixed = [(column, values[0]) for column, values in slice_.fixed if len(values) == 1]
    qualifiers = "".join(_QUALIFIERS.get(pair, "") for pair in (*fixed, *slice_.described_by))
    other = "" if all(pair in _QUALIFIERS for pair in fixed) else " of this kind"
    place = "" if slice_.place is None else _PLACES[slice_.place[0]]
    return f"{qualifiers}{slice_.fact.noun}{other}{place}"


def _describe_days(days: _NearestDays) -> str:
    """Return the sentence on other days, after a space; an empty text if not all days were looked at."""
    if not days.is_complete:
        return ""
    before, after = (None if day is None else to_date(day).isoformat() for day in (days.before, days.after))
    if before and after:
        return f" The last before are of {before}, the first after of {after}."
    if before:
        return f" The last ones are of {before}."
    if after:
        return f" The first ones are of {after}."
    return " There are none on other days either."
