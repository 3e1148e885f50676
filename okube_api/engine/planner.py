"""From the needs of a question to as few passes over as few rows as can answer them.

The smallest source that covers is taken: a grain whose dimensions hold every column of the scope, of the split and
of the filters, and which carries what is summed; whole months come from its month rows, the edges from its day rows.
Where no grain covers, the fact itself is read.  A grain that does not know places covers a question that looks at
most of them: the rows of the others are taken away again.  Needs that a finer pass of the same rows can serve share it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from okube_api.catalogue.facts import Fact, Grain, Span
from okube_api.catalogue.facts import Measure as Measured
from okube_api.catalogue.scopes import ATTRIBUTES, PlaceRole, Scope
from okube_api.catalogue.terms import Slice, Sums, Term, UserSet
from okube_api.engine.calendar import Buckets, Period, month_number, month_start
from okube_api.engine.plan import Need, Pass, PeriodPart, Plan
from okube_api.engine.question import Question, ValueFilter
from okube_api.store.conditions import EVERYTHING, AllOf, Between, Condition, Missing, Not, OneOf, Overlaps, equal
from okube_api.store.plans import Aggregate, Count, Max, Min, Select, Sum
from okube_api.store.schema import ColumnType

_FINER: dict[str | None, frozenset[str | None]] = {
    "day": frozenset({None, "day", "week", "month", "year", "weekday", "isoweek", "month_of_year"}),
    "month": frozenset({None, "month", "year", "month_of_year"}),
}
_OF_MONTHS = frozenset({None, "month", "year", "month_of_year"})


def plan_question(question: Question) -> Plan:
    """The passes that answer every param of a question."""
    groups: dict[_Family, list[Need]] = {}
    for need in dict.fromkeys(_needs(question)):
        groups.setdefault(_family(need, question), []).append(need)
    passes: dict[Pass, int] = {}
    serving: dict[Need, tuple[int, ...]] = {}
    for family, needs in groups.items():
        for leader, followers in _shared(needs, question):
            made = family.passes(leader, followers, question)
            numbers = tuple(passes.setdefault(one, len(passes)) for one in made)
            serving.update(dict.fromkeys(followers, numbers))
    return Plan(tuple(passes), serving)


def need_of(term: Term, scope: Scope, buckets: Buckets | None, question: Question) -> Need:
    """What a term needs to be read by, in that scope and those buckets."""
    daily = isinstance(term, Sums) and term.daily
    shared = isinstance(term, Sums) and term.shared and (question.some_sites or scope is Scope.SITES)
    return Need(
        term,
        scope_column(term, scope),
        "day" if daily else buckets.column if buckets else None,
        ("campaign", "site") if shared else (),
    )


def scope_column(term: Term, scope: Scope) -> str | None:
    """The column of the scope values; sets know their users' attributes by number, and need none for those."""
    if isinstance(term, UserSet) and scope in ATTRIBUTES:
        return None
    return term.slice.column(scope)


def _needs(question: Question) -> Iterable[Need]:
    for ask in question.requested_kpis:
        buckets = ask.buckets(question.period)
        for by in ask.scopes:
            for term in ask.kpi.value.terms(by.scope):
                yield need_of(term, by.scope, buckets, question)


# -- which rows ------------------------------------------------------------------------------------------------


class _Selected(NamedTuple):
    """The condition on rows, and the columns that it names (the weekday aside)."""

    where: Condition
    columns: frozenset[str]


def _selected(term: Term, question: Question, anywhere: bool = False) -> _Selected:
    """The rows of a term; `anywhere`: at whichever place."""
    slice_ = term.slice
    parts: list[tuple[str, Condition]] = []
    if slice_.place is not None and not anywhere:
        reached, column = slice_.place
        there: Condition = OneOf(column, question.places[reached])
        parts.append((column, there | Missing(column) if slice_.placeless else there))
    parts += [(column, OneOf(column, values)) for column, values in slice_.fixed]
    filters = question.filters
    if question.selected_campaigns is not None:
        filters = (*filters, (Scope.CAMPAIGNS, ValueFilter(question.selected_campaigns)))
    for scope, chosen in filters:
        filtered = scope_column(term, scope)
        if filtered is not None:
            parts.append((filtered, _chosen(slice_, filtered, chosen)))
    conditions = [condition for _, condition in parts]
    if question.weekdays is not None:
        conditions.append(OneOf("weekday", question.weekdays))
    return _Selected(AllOf(tuple(conditions)), frozenset(column for column, _ in parts))


def _chosen(slice_: Slice, column: str, chosen: ValueFilter) -> Condition:
    many = slice_.fact.table.type_of(column) is ColumnType.TEXTS
    kept = Overlaps(column, chosen.values) if many else OneOf(column, chosen.values)
    return Not(kept) if chosen.negated else kept


# -- which source ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Family:
    """Needs that could share a pass: the same rows of the same grain (or of the fact), read for the same purpose.

    sign: -1 where the rows are taken away.  less: what must be taken away from these rows.
    once: a mark of days that cannot be summed, as the rows that carry it may be missing.
    span: the columns whose extremes of a user's day are wanted.
    """

    fact: Fact
    grain: Grain | None
    where: Condition
    sets: bool
    sign: int = 1
    less: "_Family | None" = None
    once: Measured | None = None
    span: tuple[str, str] | None = None

    def passes(self, leader: Need, followers: list[Need], question: Question) -> list[Pass]:
        """The passes that serve the leader, and with it those that follow it."""
        months = self.grain is not None and not _by_day(leader, question)
        own = [self._pass(piece, leader, followers, question) for piece in self._pieces(question.period, months)]
        return own + (self.less.passes(leader, followers, question) if self.less else [])

    def _pieces(self, period: Period, months: bool) -> list[PeriodPart]:
        if self.grain is None:
            return [PeriodPart(self.fact.table, None, period.first, period.last)]
        days = self.fact.rollup(self.grain, Span.DAY)
        inside = period.whole_months if months else None
        if inside is None:
            return [PeriodPart(days, Span.DAY, period.first, period.last)]
        low, high = inside
        start, end = month_start(low), month_start(high + 1) - 1
        pieces = [PeriodPart(self.fact.rollup(self.grain, Span.MONTH), Span.MONTH, low, high)]
        if period.first < start:
            pieces.insert(0, PeriodPart(days, Span.DAY, period.first, start - 1))
        if end < period.last:
            pieces.append(PeriodPart(days, Span.DAY, end + 1, period.last))
        return pieces

    def _pass(self, piece: PeriodPart, leader: Need, followers: list[Need], question: Question) -> Pass:
        where = Between("part", piece.low, piece.high) & self.where
        daily = self.sets and self.grain is None and _daily(leader)
        time = "day" if daily else leader.time_column
        by = (*sorted(leader.dimensions), *((time,) if time else ()))
        if self.once is not None:
            return Pass(piece, self._distinct(self.once, piece, where, by), time)
        if not self.sets:
            measures = {m: None for need in followers if isinstance(need.term, Sums) for m in need.term.measures}
            sums = tuple(self._sum(measure, question.uplift) for measure in measures)
            return Pass(piece, Aggregate(piece.table, where, by, sums), time, sign=self.sign)
        if self.grain is None:
            place = (leader.term.slice.place[1],) if daily and leader.term.slice.place else ()
            keys = tuple(dict.fromkeys((*by, *place, "user")))
            low_high = (Min(self.span[0], self.span[0]), Max(self.span[1], self.span[1])) if self.span else ()
            return Pass(piece, Aggregate(piece.table, where, keys, low_high), time, users=True)
        sets = dict.fromkeys(need.term.members.name for need in followers if isinstance(need.term, UserSet))
        return Pass(piece, Select(piece.table, where, (*by, *sets)), time)

    def _distinct(self, mark: Measured, piece: PeriodPart, where: Condition, by: tuple[str, ...]) -> Aggregate:
        """How many distinct values the columns of a mark have, by day."""
        known = {column.name for column in piece.table.columns}
        keys = dict.fromkeys((*by, "day", *(column for column in mark.distinct_by if column in known)))
        return Aggregate(Aggregate(piece.table, where, tuple(keys)), EVERYTHING, by, (Count(mark.name),))

    def _sum(self, measure: Measured, uplift: bool) -> Sum | Count:
        weight = self.fact.weight if uplift and measure.weighted else None
        if self.grain is not None:
            return Sum(f"{measure.name}_w" if weight else measure.name, measure.name)
        if measure.field is None:
            return Sum(weight, measure.name) if weight else Count(measure.name)
        return Sum(measure.field, measure.name, times=weight)


def _family(need: Need, question: Question) -> _Family:
    """The smallest source that covers a need."""
    term, fact = need.term, need.term.slice.fact
    sets = isinstance(term, UserSet)
    rows = _selected(term, question)
    grain = _smallest(need, rows.columns)
    where = rows.where
    if grain is None and isinstance(term, UserSet) and term.members.flag is not None:
        where = where & equal(term.members.flag, 1)
    if isinstance(term, Sums) and (mark := _broken_mark(term, rows.columns)):
        return _Family(fact, None, where, sets, once=mark)
    direct = _Family(fact, grain, where, sets, span=term.span if isinstance(term, UserSet) else None)
    anywhere = _anywhere(need, question)
    if anywhere is None or term.slice.place is None:
        return direct
    reached, column = term.slice.place
    others = question.subquery_results.get((fact.name, reached))
    if others is None or (others and sets):
        return direct
    everyone = _selected(term, question, anywhere=True).where
    less = replace(direct, where=everyone & OneOf(column, others), sign=-1) if others else None
    return _Family(fact, anywhere, everyone, sets, less=less)


def _broken_mark(term: Sums, columns: frozenset[str]) -> Measured | None:
    """The mark of days that conditions on these columns could leave out, where the day has other rows still."""
    return next((one for one in term.measures if one.distinct_by and not columns <= set(one.distinct_by)), None)


def _anywhere(need: Need, question: Question) -> Grain | None:
    """A grain that covers all but the place, and is smaller than any that covers the place, too."""
    place = need.term.slice.place
    if place is None or need.term.slice.placeless or place[1] in need.dimensions:
        return None
    direct = _smallest(need, _selected(need.term, question).columns)
    found = _smallest(need, _selected(need.term, question, anywhere=True).columns)
    if found is None or (direct is not None and len(direct.dimensions) <= len(found.dimensions)):
        return None
    return found


def _smallest(need: Need, columns: frozenset[str]) -> Grain | None:
    """The grain of the fewest dimensions that tells these columns, and those of the need, apart."""
    wanted = columns | need.dimensions
    grains = need.term.slice.fact.grains
    covering = [grain for grain in grains if wanted <= set(grain.dimensions) and _carries(grain, need)]
    return min(covering, key=lambda grain: len(grain.dimensions), default=None)


def _carries(grain: Grain, need: Need) -> bool:
    """Whether the rows of a grain hold what a term takes from them."""
    term = need.term
    if isinstance(term, Sums):
        return set(term.measures) <= set(grain.measures)
    if term.members not in grain.members or Span.DAY not in grain.set_spans or term.span is not None:
        return False
    single = {column for column, values in term.slice.fixed if len(values) == 1}
    place = {term.slice.place[1]} if term.slice.place else set()
    return not term.daily or set(grain.dimensions) <= single | place


# -- places that a question does not look at ---------------------------------------------------------------------


def subqueries(question: Question) -> Mapping[tuple[str, PlaceRole], Aggregate]:
    """For each fact that could be read whatever the place: the pass that says which places have rows."""
    first, last = (month_number(day) for day in (question.period.first, question.period.last))
    found: dict[tuple[str, PlaceRole], Aggregate] = {}
    for need in dict.fromkeys(_needs(question)):
        if _anywhere(need, question) is not None and need.term.slice.place is not None:
            (reached, column), fact = need.term.slice.place, need.term.slice.fact
            grain = min((one for one in fact.grains if column in one.dimensions), key=lambda one: len(one.dimensions))
            months = fact.rollup(grain, Span.MONTH)
            found[fact.name, reached] = Aggregate(months, Between("part", first, last), (column,))
    return found


def with_subqueries(question: Question, places: Mapping[tuple[str, PlaceRole], Iterable[str]]) -> Question:
    """The question that knows which places have rows and are not looked at, where those are the fewer."""
    aside = dict(question.subquery_results)
    for (fact, reached), found in places.items():
        others = set(found).difference(question.places[reached])
        if 2 * len(others) <= len(set(found)):
            aside[fact, reached] = tuple(sorted(others))
    return replace(question, subquery_results=aside)


# -- what shares a pass ------------------------------------------------------------------------------------------


def _daily(need: Need) -> bool:
    return isinstance(need.term, UserSet) and need.term.daily


def _by_day(need: Need, question: Question) -> bool:
    """Whether month rows cannot serve."""
    return need.time_column not in _OF_MONTHS or question.weekdays is not None or _daily(need)


def _covers(one: Need, other: Need, question: Question) -> bool:
    """Whether the rows read for `one` can be summed up to what `other` needs."""
    return (
        one.dimensions >= other.dimensions
        and other.time_column in _FINER.get(one.time_column, frozenset({None, one.time_column}))
        and (_by_day(one, question) or not _by_day(other, question))
        and (_daily(one) or not _daily(other) or one.time_column == "day")
    )


def _shared(needs: list[Need], question: Question) -> Iterable[tuple[Need, list[Need]]]:
    """The needs of a family, each under the finest that covers it."""
    fineness = {
        need: (len(need.dimensions), len(_FINER.get(need.time_column, ())), need.time_column is not None)
        for need in needs
    }
    leaders: dict[Need, list[Need]] = {}
    for need in sorted(needs, key=lambda need: (fineness[need], _by_day(need, question), _daily(need)), reverse=True):
        leader = next((one for one in leaders if _covers(one, need, question)), None)
        leaders.setdefault(leader or need, []).append(need)
    return leaders.items()
