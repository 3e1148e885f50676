"""Chooses the grain that answers a need with the fewest rows, and gives the reasons against the other sources.

A grain can answer a need when its dimensions include every column of the scope, of the split and of the filters, and
when it has the sums or the set of the term.  Of the grains that can, the one with the fewest dimensions has the fewest
rows.  If none can, the fact itself is read.
"""

from dataclasses import dataclass

from okube_api.catalogue.fact import DAY_COLUMNS, Fact, Grain, Measure, Span
from okube_api.catalogue.terms import Sums, Term, UserSet
from okube_api.engine.plan import Need, RejectedSource


@dataclass(frozen=True, slots=True)
class SourceChoice:
    """The grain to read, None for the fact itself; and the reasons against the other sources."""

    grain: Grain | None
    rejected: tuple[RejectedSource, ...]


def choose_source(need: Need, columns: frozenset[str]) -> SourceChoice:
    """Choose the smallest source that can answer a need under a condition that names these columns."""
    fact, required = need.term.slice.fact, columns | need.dimensions | _list_hour_columns(need)
    problems = [(grain, _find_problem(grain, need.term, required)) for grain in fact.grains]
    usable = [grain for grain, problem in problems if problem is None]
    if not usable:
        return SourceChoice(None, tuple(_reject(fact, grain, *problem) for grain, problem in problems if problem))
    smallest = min(usable, key=_count_dimensions)
    names = (get_rollup_name(fact, smallest),)
    rejected = [
        _reject(fact, grain, *(problem or ("{} has fewer dimensions.", names)))
        for grain, problem in problems
        if grain is not smallest
    ]
    if fact.is_stored:
        rejected.append(RejectedSource(fact.name, "{} has fewer rows.", names))
    return SourceChoice(smallest, tuple(rejected))


def find_smallest_grain(need: Need, columns: frozenset[str]) -> Grain | None:
    """Return the grain of the fewest dimensions that can answer a need; None when none can."""
    required = columns | need.dimensions | _list_hour_columns(need)
    grains = need.term.slice.fact.grains
    usable = [grain for grain in grains if _find_problem(grain, need.term, required) is None]
    return min(usable, key=_count_dimensions, default=None)


def _list_hour_columns(need: Need) -> frozenset[str]:
    """Return the time columns of a need that rollups have only as dimensions."""
    return frozenset(need.time_columns).difference(DAY_COLUMNS)


def _find_problem(grain: Grain, term: Term, required: frozenset[str]) -> tuple[str, tuple[str, ...]] | None:
    """Return why a grain cannot serve a term that requires these columns; None when it can.

    The reason is the message and the names of a RejectedSource.
    """
    missing = required.difference(grain.dimensions)
    if missing:
        return "It has no dimension {}.", tuple(missing)
    if grain.only is not None and (grain.only[0], (grain.only[1],)) not in term.slice.fixed:
        return "It has only rows with some values of {}.", (grain.only[0],)
    if isinstance(term, Sums):
        sums = tuple(measure.name for measure in term.measures if measure not in grain.measures)
        return ("It has no sum of {}.", sums) if sums else None
    if term.span is not None:
        return "It has no extremes of {} by user.", tuple(name for name in term.span if name)
    if term.members not in grain.members or Span.DAY not in grain.set_spans:
        return "It has no set of users {} by day.", (term.members.name,)
    return _find_daily_problem(grain, term) if term.daily else None


def _find_daily_problem(grain: Grain, term: UserSet) -> tuple[str, tuple[str, ...]] | None:
    """Return why the rows of a grain are not those of each day and place; None when they are."""
    single = {column for column, values in term.slice.fixed if len(values) == 1}
    place = {term.slice.place[1]} if term.slice.place else set()
    if not place.issubset(grain.dimensions):
        return "Its rows are coarser than a day and a place: a user of several places is in one of them.", ()
    if not single | place >= set(grain.dimensions):
        return "Its rows are finer than a day and a place: a user can be in several of them.", ()
    return None


def find_unsummable_measure(term: Sums, columns: frozenset[str]) -> Measure | None:
    """Return a measure of the term that marks the first row of a day, if a condition makes its sum wrong; else None.

    A condition on columns other than those of the mark could exclude the marked row of a day and keep other rows.
    """
    return next((m for m in term.measures if m.distinct_by and not columns <= set(m.distinct_by)), None)


def reject_grains(fact: Fact, message: str, names: tuple[str, ...]) -> tuple[RejectedSource, ...]:
    """Return all grains of a fact as rejected for the same reason."""
    return tuple(_reject(fact, grain, message, names) for grain in fact.grains)


def get_rollup_name(fact: Fact, grain: Grain) -> str:
    """Return the name of a grain's rollups, without the span."""
    return f"{fact.name}_{grain.name}"


def _reject(fact: Fact, grain: Grain, message: str, names: tuple[str, ...]) -> RejectedSource:
    return RejectedSource(get_rollup_name(fact, grain), message, names)


def _count_dimensions(grain: Grain) -> int:
    return len(grain.dimensions)
