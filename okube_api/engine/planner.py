"""Plans the passes over tables that answer a question: as few passes as possible, over as few rows as possible.

Each need is read from the smallest source that can answer it (see `sources`): a grain, or the fact itself.  For a
grain, whole months (or weeks) are read from its month (or week) rows and the other days from its day rows.  A grain
without places can answer a question about most places: the rows of the other places are subtracted.  Needs that read
the same rows share the pass of the need that groups them most finely.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from okube_api.catalogue.buckets import first_day, month_number
from okube_api.catalogue.expressions.numbers import Distinct, Minus, Plus, ScopedNumber
from okube_api.catalogue.fact import DAY_COLUMNS, ELAPSED, Fact, Grain, Measure, Span
from okube_api.catalogue.scopes import ATTRIBUTES, PlaceRole, Scope
from okube_api.catalogue.terms import Sums, Term, UserSet
from okube_api.catalogue.value import Value
from okube_api.engine.calendar import Buckets, Period
from okube_api.engine.dimensions import Dimension
from okube_api.engine.plan import Need, Pass, PeriodPart, Plan, RejectedSource
from okube_api.engine.question import Question
from okube_api.engine.row_conditions import get_scope_column, select_rows
from okube_api.engine.sources import (
    choose_source,
    find_smallest_grain,
    find_unsummable_measure,
    get_rollup_name,
    reject_grains,
)
from okube_api.store.conditions import EVERYTHING, Between, Condition, OneOf, equal
from okube_api.store.plans import Aggregate, Count, Max, Min, Select, Sum

_TimeColumns = tuple[str, ...]
"""The columns that determine the bucket of a row; none without buckets."""
_FINER: dict[_TimeColumns, frozenset[_TimeColumns]] = {
    ("day",): frozenset({(), *((name,) for name in DAY_COLUMNS)}),
    ("week",): frozenset({(), ("week",), ("isoweek",)}),
    ("month",): frozenset({(), ("month",), ("year",), ("month_of_year",)}),
}
"""By columns that determine the bucket, the columns that can be computed from them."""
_LONG_SPANS: dict[_TimeColumns, tuple[Span, ...]] = {
    (): (Span.MONTH, Span.WEEK),
    **{(column,): (Span.MONTH,) for column in ("month", "year", "month_of_year")},
    **{(column,): (Span.WEEK,) for column in ("week", "isoweek")},
}
"""By columns that determine the bucket, the spans longer than a day whose rows have them, longest first."""
_STORED_COLUMNS = {"year": "month", "month_of_year": "month", "isoweek": "week"}
"""By column that rollups do not have, the column that its numbers follow from."""
_SCOPES_OF_ROWS = frozenset({Scope.SITES, Scope.POIS, Scope.CHANNELS, Scope.EQUIPMENTS})
"""Scopes of which a row has one value at most."""
_NeedKey = tuple[Term, tuple[Scope, ...], _TimeColumns]
_LEAST_WEEKS = 2
"""Fewer weeks are read as days: a pass more costs about as much as the rows that it saves."""


def plan_question(question: Question) -> Plan:
    """Plan the passes that answer every param of a question."""
    needs = _collect_needs(question)
    counted = _find_counted_needs(question, needs)
    families: dict[_Family, list[Need]] = {}
    rejected_by_need: dict[Need, tuple[RejectedSource, ...]] = {}
    for need in dict.fromkeys(needs.values()):
        family, rejected_by_need[need] = _choose_family(need, question)
        families.setdefault(family, []).append(need)

    passes: dict[Pass, int] = {}
    passes_of_need: dict[Need, tuple[int, ...]] = {}
    rejected: dict[int, dict[RejectedSource, None]] = {}
    for family, members in families.items():
        for leader, followers in _share_passes(members, question):
            sources = (*family.rejected_spans(leader, question), *(r for n in followers for r in rejected_by_need[n]))
            numbers = tuple(
                passes.setdefault(pass_, len(passes)) for pass_ in family.passes(leader, followers, question, counted)
            )
            passes_of_need.update(dict.fromkeys(followers, numbers))
            for number in numbers:
                rejected.setdefault(number, {}).update(dict.fromkeys(sources))
    return Plan(tuple(passes), needs, passes_of_need, tuple(tuple(rejected[number]) for number in range(len(passes))))


def _collect_needs(question: Question) -> dict[_NeedKey, Need]:
    """Return the need of each term by each scope and the columns that determine the bucket."""
    needs: dict[_NeedKey, Need] = {}
    for request in question.requested_kpis:
        buckets = question.buckets_of(request)
        value = question.value_of(request.kpi)
        for breakdown in (breakdown for by in request.scopes for breakdown in by.breakdowns):
            own_buckets = buckets if breakdown.has_buckets else None
            time_columns = own_buckets.columns if own_buckets else ()
            for term in value.terms(breakdown.expression_scope):
                key = (term, breakdown.scopes, time_columns)
                if key not in needs:
                    needs[key] = _build_need(term, breakdown.scopes, own_buckets, question)
    return needs


def _find_counted_needs(question: Question, needs: Mapping[_NeedKey, Need]) -> frozenset[Need]:
    """Return the needs of sets of which only the number of users in each bucket is asked for.

    The whole period, and an order or a limit by it, need the users themselves.  So do weights and filters of users, and
    buckets that merge several periods of the rows.
    """
    by_users = any(scope in ATTRIBUTES for scope, _ in question.filters)
    counted: set[Need] = set()
    merged: set[Need] = set()
    for request in question.requested_kpis:
        buckets = question.buckets_of(request)
        merges = buckets is None or not buckets.is_one_to_one
        value = question.value_of(request.kpi)
        for by in request.scopes:
            by_period = merges or request.all or by.is_ranked
            for dimensions, has_buckets, scopes, scope in by.breakdowns:
                is_merged = by_users or by_period or not has_buckets or not all(map(_has_value_per_row, dimensions))
                countable = set() if is_merged else {*_list_counted(value, scope)}
                for term in value.terms(scope):
                    need = needs[term, scopes, buckets.columns if buckets and has_buckets else ()]
                    (counted if term in countable and not question.is_weighted(term) else merged).add(need)
    return frozenset(counted - merged)


def _has_value_per_row(dimension: Dimension) -> bool:
    return dimension.is_plain and dimension.scope in _SCOPES_OF_ROWS


def _list_counted(value: Value, scope: Scope) -> Iterator[UserSet]:
    """Yield the sets whose users an expression counts, each by itself."""
    match value:
        case ScopedNumber():
            yield from _list_counted(value.for_scope(scope), scope)
        case Plus():
            for part in value.parts:
                yield from _list_counted(part, scope)
        case Minus():
            yield from _list_counted(value.left, scope)
            yield from _list_counted(value.right, scope)
        case Distinct() if len(value.sets) == 1:
            yield value.sets[0]


def _build_need(term: Term, scopes: tuple[Scope, ...], buckets: Buckets | None, question: Question) -> Need:
    daily = isinstance(term, Sums) and term.daily
    times: _TimeColumns = ()
    zone: tuple[str, ...] = ()
    if buckets is not None and not daily:
        times = buckets.columns_of(term.slice.fact)
        by_first = buckets.columns_of(term.slice.fact, by_first=True)
        if by_first != times and _counts_first_rows(term, question):
            times = by_first
        if buckets.needs_zone(times) and term.slice.place is not None:
            zone = (term.slice.place[1],)
    shared = isinstance(term, Sums) and term.shared and (question.some_sites or Scope.SITES in scopes)
    return Need(
        term,
        frozenset(column for scope in scopes if (column := get_scope_column(term, scope)) is not None),
        ("day",) if daily else times,
        ("campaign", "site") if shared else zone,
    )


def _counts_first_rows(term: Term, question: Question) -> bool:
    """Return whether rows of a day count once, because a filter may leave out the first, which is marked."""
    if not isinstance(term, Sums) or not any(measure.distinct_by for measure in term.measures):
        return False  # the condition on rows takes time
    return bool(find_unsummable_measure(term, select_rows(term, question).columns))


# -- which source ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Family:
    """Needs that could share a pass: they read the same rows of the same grain (or of the fact) in the same way.

    sign: -1 when the rows are subtracted.
    subtracted: the rows to subtract from these.
    distinct: a measure that marks the first row of a day and must be counted instead of summed, because the condition
        may exclude marked rows.
    span: the columns whose least and greatest value by user are needed.
    """

    fact: Fact
    grain: Grain | None
    where: Condition
    has_sets: bool
    sign: int = 1
    subtracted: "_Family | None" = None
    distinct: Measure | None = None
    span: tuple[str | None, str | None] | None = None

    def passes(self, leader: Need, followers: list[Need], question: Question, counted: frozenset[Need]) -> list[Pass]:
        """Return the passes that serve the leader and its followers (the leader is one of them).

        counted: the needs of which only the number of users in each bucket is asked for.
        """
        is_counted = counted.issuperset(followers) and self.fact.name in question.complete_facts
        passes = [
            self._pass(
                part, leader, followers, question, read_sizes=is_counted and self._is_row_per_cell(part, followers)
            )
            for part in self._parts(leader, question)
        ]
        return passes + (self.subtracted.passes(leader, followers, question, counted) if self.subtracted else [])

    def _is_row_per_cell(self, part: PeriodPart, followers: list[Need]) -> bool:
        """Return whether each cell of the needs has one row in a part, so that its set need not be merged."""
        if self.grain is None:
            return False
        for need in followers:
            single = {column for column, values in need.term.slice.fixed if len(values) == 1}
            described_by = {column for column, _ in need.term.slice.described_by}
            known = single | described_by | need.scope_columns
            if need.term.split or need.time_columns != (part.span,) or not known.issuperset(self.grain.dimensions):
                return False
        return True

    def rejected_spans(self, leader: Need, question: Question) -> list[RejectedSource]:
        """Return the rows of longer spans of the grain that are not read, with the reasons."""
        if self.grain is None:
            return []
        read = {part.span for part in self._parts(leader, question)}
        return [
            RejectedSource(self.fact.rollup(self.grain, span).name, self._reject_span(span, leader, question))
            for span in self.grain.spans
            if span is not Span.DAY and span not in read
        ]

    def _reject_span(self, span: Span, leader: Need, question: Question) -> str:
        """Return why the rows of a longer span are not read."""
        if span not in _LONG_SPANS.get(leader.time_columns, ()):
            names = " and ".join(f"`{column}`" for column in leader.time_columns)
            return f"Its rows are {span}s; buckets by {names} need days."
        if question.needs_days:
            return (
                f"Its rows are {span}s; the filter on {'days' if question.weekdays is None else 'weekdays'} needs days."
            )
        if _is_daily(leader):
            return f"Its rows are {span}s; visitor-days need days."
        if span is Span.MONTH:
            return "No whole month lies in the period."
        if self.fact.name not in question.complete_facts:
            return "It has no rows of earlier days until the facts are rebuilt."
        return "No two whole weeks lie in the period, or in what whole months leave of it."

    def _parts(self, leader: Need, question: Question) -> list[PeriodPart]:
        """Split the period into whole months and weeks, where their rows can serve, and the days around them."""
        period = question.period_to_read
        if self.grain is None:
            return [PeriodPart(self.fact.table, None, period.first, period.last)]
        spans = () if _needs_days(leader, question) else _LONG_SPANS[leader.time_columns]
        usable = [span for span in spans if self._has_rows(self.grain, span, question)]
        return [
            PeriodPart(self.fact.rollup(self.grain, span), span, low, high)
            for span, low, high in _split_period(period, usable)
        ]

    def _has_rows(self, grain: Grain, span: Span, question: Question) -> bool:
        """Return whether the grain has rows of a span for the whole period, with sets if these are needed."""
        if span not in grain.spans or (self.has_sets and span not in grain.set_spans):
            return False
        return span is not Span.WEEK or self.fact.name in question.complete_facts

    def _pass(
        self, part: PeriodPart, leader: Need, followers: list[Need], question: Question, *, read_sizes: bool
    ) -> Pass:
        where = Between("part", part.low, part.high) & self.where
        daily = self.has_sets and self.grain is None and _is_daily(leader)
        times = ("day",) if daily else leader.time_columns
        if self.grain is not None:
            stored = {column.name for column in part.table.columns}
            times = tuple(_STORED_COLUMNS.get(column, column) for column in times)
            times = tuple(column if column in stored else "day" for column in times)
        by = (*sorted(leader.dimensions), *times)
        if self.distinct is not None:
            return Pass(part, self._count_distinct(self.distinct, part, where, by, question.uplift), times)
        if not self.has_sets:
            measures = {m: None for need in followers if isinstance(need.term, Sums) for m in need.term.measures}
            sums = tuple(self._sum(measure, question.uplift) for measure in measures)
            return Pass(part, Aggregate(part.table, where, by, sums), times, sign=self.sign)
        if self.grain is None:
            place = (leader.term.slice.place[1],) if daily and leader.term.slice.place else ()
            keys = tuple(dict.fromkeys((*by, *place, "user")))
            least, greatest = self.span or (None, None)
            extremes = ((Min(least, least),) if least else ()) + ((Max(greatest, greatest),) if greatest else ())
            return Pass(part, Aggregate(part.table, where, keys, extremes), times, has_users=True)
        members = dict.fromkeys(need.term.members for need in followers if isinstance(need.term, UserSet))
        sets = [each.size_column if read_sizes else each.name for each in members]
        return Pass(part, Select(part.table, where, (*by, *sets)), times)

    def _count_distinct(
        self, mark: Measure, part: PeriodPart, where: Condition, by: tuple[str, ...], uplift: bool
    ) -> Aggregate:
        """Return a plan that counts the distinct values of the columns of a mark by day, or sums their weights."""
        weight = self.fact.weight if uplift and mark.weighted else None
        columns = {column.name for column in part.table.columns}
        keys = dict.fromkeys((*by, "day", *(column for column in mark.distinct_by if column in columns)))
        first = (Min(ELAPSED, ELAPSED),) if ELAPSED in keys else ()  # counted in the hour of the first row of the day
        weights = (Max(weight, weight),) if weight else ()  # all rows of a user and day have the same
        rows = Aggregate(part.table, where, tuple(key for key in keys if key != ELAPSED), (*first, *weights))
        return Aggregate(rows, EVERYTHING, by, (Sum(weight, mark.name) if weight else Count(mark.name),))

    def _sum(self, measure: Measure, uplift: bool) -> Sum | Count:
        weight = self.fact.weight if uplift and measure.weighted else None
        if self.grain is not None:
            return Sum(f"{measure.name}_w" if weight else measure.name, measure.name)
        if measure.field is None:
            return Sum(weight, measure.name) if weight else Count(measure.name)
        return Sum(measure.field, measure.name, times=weight)


def _split_period(period: Period, spans: Sequence[Span]) -> list[tuple[Span, int, int]]:
    """Split a period into ranges of the first span, of the next span around it, and of days, in order of time."""
    if not spans:
        return [(Span.DAY, period.first, period.last)]
    span, shorter = spans[0], spans[1:]
    periods = period.whole_months if span is Span.MONTH else period.whole_weeks
    if periods is None or (span is Span.WEEK and periods[1] - periods[0] + 1 < _LEAST_WEEKS):
        return _split_period(period, shorter)
    start, end = first_day(span, periods[0]), first_day(span, periods[1] + 1) - 1
    parts = [(span, *periods)]
    if period.first < start:
        parts = [*_split_period(Period(period.first, start - 1), shorter), *parts]
    if end < period.last:
        parts += _split_period(Period(end + 1, period.last), shorter)
    return parts


def _choose_family(need: Need, question: Question) -> tuple[_Family, tuple[RejectedSource, ...]]:
    """Choose the source of a need; return the family of the needs that can share it, and the rejected sources."""
    term, fact = need.term, need.term.slice.fact
    has_sets = isinstance(term, UserSet)
    rows = select_rows(term, question)
    if isinstance(term, Sums) and (mark := find_unsummable_measure(term, rows.columns)):
        names = tuple(rows.columns.difference(mark.distinct_by))
        message = f"`{mark.name}` cannot be summed under a condition on {{}}."
        return _Family(fact, None, rows.where, has_sets, distinct=mark), reject_grains(fact, message, names)
    choice = choose_source(need, rows.columns)
    where = rows.where
    if choice.grain is None and isinstance(term, UserSet) and term.members.flag is not None:
        where = where & equal(term.members.flag, 1)
    direct = _Family(fact, choice.grain, where, has_sets, span=term.span if isinstance(term, UserSet) else None)
    grain = _find_placeless_grain(need, question)
    if grain is None or term.slice.place is None:
        return direct, choice.rejected
    role, column = term.slice.place
    other_places = question.subquery_results.get((fact.name, role))
    if other_places is None or (other_places and has_sets):
        reason = "sets of users cannot be subtracted" if has_sets else "the rows of other places are too many"
        return direct, _reject(choice.rejected, fact, grain, f"It has no dimension `{column}`, and {reason}.")
    everywhere = select_rows(term, question, any_place=True).where
    subtracted = replace(direct, where=everywhere & OneOf(column, other_places), sign=-1) if other_places else None
    rejected = _reject(choice.rejected, fact, grain, None)
    if subtracted is None:
        name = fact.name if direct.grain is None else get_rollup_name(fact, direct.grain)
        reason = f"`{get_rollup_name(fact, grain)}` has fewer dimensions, and every place with rows is in the question."
        rejected = (*rejected, RejectedSource(name, reason))
    return _Family(fact, grain, everywhere, has_sets, subtracted=subtracted), rejected


def _reject(
    rejected: tuple[RejectedSource, ...], fact: Fact, grain: Grain, reason: str | None
) -> tuple[RejectedSource, ...]:
    """Return rejected sources with another reason for one grain; without that grain when the reason is None."""
    name = get_rollup_name(fact, grain)
    remaining = tuple(source for source in rejected if source.table != name)
    return remaining if reason is None else (*remaining, RejectedSource(name, reason))


def _find_placeless_grain(need: Need, question: Question) -> Grain | None:
    """Return a grain without places that can answer a need, if it is smaller than all grains with places that can."""
    place = need.term.slice.place
    if place is None or need.term.slice.placeless or place[1] in need.dimensions:
        return None
    direct = find_smallest_grain(need, select_rows(need.term, question).columns)
    placeless = find_smallest_grain(need, select_rows(need.term, question, any_place=True).columns)
    if placeless is not None and placeless.since > 1 and need.term.slice.fact.name not in question.complete_facts:
        return None
    if placeless is None or (direct is not None and len(direct.dimensions) <= len(placeless.dimensions)):
        return None
    return placeless


# -- subqueries: places with rows that are not in the question ---------------------------------------------------


def subqueries(question: Question) -> Mapping[tuple[str, PlaceRole], Aggregate]:
    """Return the queries to answer before planning.

    For each fact that a grain without places could serve: a query for the places that have rows in the period.
    """
    first, last = (month_number(day) for day in (question.period.first, question.period.last))
    queries: dict[tuple[str, PlaceRole], Aggregate] = {}
    for need in dict.fromkeys(_collect_needs(question).values()):
        if _find_placeless_grain(need, question) is not None and need.term.slice.place is not None:
            (role, column), fact = need.term.slice.place, need.term.slice.fact
            # Later grains may have no rows before a rebuild, and none of places without what they sum.
            grains = (grain for grain in fact.grains if column in grain.dimensions and grain.since == 1)
            months = fact.rollup(min(grains, key=lambda grain: len(grain.dimensions)), Span.MONTH)
            queries[fact.name, role] = Aggregate(months, Between("part", first, last), (column,))
    return queries


def with_subqueries(question: Question, places: Mapping[tuple[str, PlaceRole], Iterable[str]]) -> Question:
    """Return the question with the places that its subqueries returned, except its own places.

    If these are more than half of the places, they are left out, because subtracting them would read more rows.
    """
    results = dict(question.subquery_results)
    for (fact, role), values in places.items():
        with_rows = set(values)
        other_places = with_rows.difference(question.places[role])
        if 2 * len(other_places) <= len(with_rows):
            results[fact, role] = tuple(sorted(other_places))
    return replace(question, subquery_results=results)


# -- which needs share a pass ------------------------------------------------------------------------------------


def _is_daily(need: Need) -> bool:
    return isinstance(need.term, UserSet) and need.term.daily


def _needs_days(need: Need, question: Question) -> bool:
    """Return whether rows of weeks and months cannot serve a need."""
    return need.time_columns not in _LONG_SPANS or question.needs_days or _is_daily(need)


def _can_serve(leader: Need, need: Need, question: Question) -> bool:
    """Return whether the rows read for the leader can be summed up to what the other need asks for."""
    return (
        leader.dimensions >= need.dimensions
        and need.time_columns in _FINER.get(leader.time_columns, frozenset({(), leader.time_columns}))
        and (_needs_days(leader, question) or not _needs_days(need, question))
        and (_is_daily(leader) or not _is_daily(need) or leader.time_columns == ("day",))
    )


def _share_passes(needs: list[Need], question: Question) -> Iterable[tuple[Need, list[Need]]]:
    """Yield each leader with its followers: every need follows the finest need that can serve it, possibly itself."""
    fineness = {
        need: (
            len(need.dimensions),
            len(_FINER.get(need.time_columns, ())),
            len(need.time_columns),
            _needs_days(need, question),
            _is_daily(need),
        )
        for need in needs
    }
    followers: dict[Need, list[Need]] = {}
    for need in sorted(needs, key=fineness.__getitem__, reverse=True):
        leader = next((other for other in followers if _can_serve(other, need, question)), None)
        followers.setdefault(leader or need, []).append(need)
    return followers.items()
