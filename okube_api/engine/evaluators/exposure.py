"""Evaluates visits of users who were exposed to campaigns, alone or against a control group.

Exposures have no site, and visits without attribution have no campaign.  Such users are counted by bucket only, with
the same result for every scope value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Any

import numpy as np

from okube_api.catalogue.expressions.exposure import Comparison, VenueRate
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.catalogue.terms import UserSet
from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.engine.evaluate import evaluate
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.grid import Grid, round_quotients, sum_by_cell
from okube_api.engine.leaf_columns import Leaf
from okube_api.engine.results import AMOUNT_DIGITS, RATIO_DIGITS, RatioResults, Results, round_ratios
from okube_api.engine.sets import UserGroups, concatenate, find_members
from okube_api.store.arrays import Flags, Ints
from okube_api.store.exact_integers import concatenate_numbers
from okube_api.threads import check_stopped

CONFIDENCE_95 = 1.96  # standard errors
_LATE_MS = 2**62


@dataclass(frozen=True, slots=True)
class ReachedUsers:
    """Distinct users by cell, or by bucket when `by_scope` is false."""

    users: UserGroups
    by_scope: bool

    def intersect(self, other: "ReachedUsers", width: int) -> "ReachedUsers":
        """Return the users who are in both sets: by cell when one of the two is by cell."""
        if other.by_scope and not self.by_scope:
            return other.intersect(self, width)
        return ReachedUsers(self.users.filter_users(self._is_in(other, width)), self.by_scope)

    def _is_in(self, other: "ReachedUsers", width: int) -> Flags:
        keys = self.users.keys if other.by_scope or not self.by_scope else self.users.keys % width
        return find_members(self.users, other.users, keys)


def _evaluate_users(term: UserSet, evaluator: Evaluator) -> ReachedUsers:
    by_scope = all(term.slice.column(dimension.scope) is not None for dimension in evaluator.dimensions)
    users: UserGroups = evaluator.compute_once(term, lambda: concatenate(list(evaluator.users.distinct_users((term,)))))
    return ReachedUsers(users, by_scope)


# -- venue rate ----------------------------------------------------------------------------------------------------


@evaluate.register
def _(value: VenueRate, evaluator: Evaluator) -> Results:
    results: Results = evaluator.compute_once(value, lambda: _evaluate_venue_rate(value, evaluator))
    return results


def _evaluate_venue_rate(value: VenueRate, evaluator: Evaluator) -> Results:
    """Return exposed users with a visit over exposed users."""
    exposed = _evaluate_users(value.exposed, evaluator)
    visitors = exposed.intersect(_evaluate_users(value.visitors, evaluator), evaluator.width)
    return RatioResults(_weigh(visitors, value.exposed, evaluator), _weigh(exposed, value.exposed, evaluator))


def _weigh(reached: ReachedUsers, term: UserSet, evaluator: Evaluator) -> Grid:
    weights = evaluator.users.weights(term, reached.users)
    denominator = WEIGHT_UNIT if evaluator.question.is_weighted(term) else 1
    grid = sum_by_cell(reached.users.keys, reached.users.sums(weights), denominator)
    return grid if reached.by_scope else _repeat_for_sites(grid, evaluator)


def _repeat_for_sites(grid: Grid, evaluator: Evaluator) -> Grid:
    """Return numbers by cell: by site or groups of sites, those by bucket are repeated for each."""
    if not evaluator.has_scope(Scope.SITES):
        return grid
    levels = range(len(evaluator.dimensions))
    sites = np.unique(evaluator.reader.number_values(levels, evaluator.question.places[PlaceRole.SITES]).numbers)
    evaluator.check_cells(len(sites) * len(grid.keys))
    keys = (sites[:, np.newaxis] * evaluator.width + grid.keys).ravel()
    return Grid(keys, np.tile(grid.numerators, len(sites)), grid.denominator, grid.is_integer)


# -- comparison ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UserInstants:
    """One instant per cell (or bucket) and user: the pairs are distinct and sorted by cell, then by user."""

    cells: Ints
    users: Ints
    at_ms: Ints

    def select(self, rows: Ints | Flags) -> "UserInstants":
        """Return some of the pairs."""
        return UserInstants(self.cells[rows], self.users[rows], self.at_ms[rows])

    def merge(self, other: "UserInstants") -> "UserInstants":
        """Return these pairs and those of other cells."""
        cells = np.concatenate((self.cells, other.cells))
        order = np.argsort(cells, kind="stable")
        users, at_ms = np.concatenate((self.users, other.users)), np.concatenate((self.at_ms, other.at_ms))
        return UserInstants(cells, users, at_ms).select(order)

    def find(self, cells: Ints, users: Ints) -> tuple[Flags, Ints]:
        """Return which of the given pairs are among these, and their instants."""
        check_stopped()
        size = 1 + max(int(self.users.max(initial=0)), int(users.max(initial=0)))
        keys, given_keys = self.cells * size + self.users, cells * size + users
        positions = np.searchsorted(keys, given_keys)
        is_found: Flags = np.append(keys, -1)[positions] == given_keys
        return is_found, np.append(self.at_ms, 0)[positions]


def _read_instants(term: UserSet, evaluator: Evaluator, among: Sequence[UserInstants] = ()) -> UserInstants:
    """Return the first or the last instant of each user by cell, depending on the term's span.

    Rows derived before the column existed have no instant: their touches count as early, their visits as late.
    among: if given, only users who are in one of these are read.
    """
    assert term.span is not None
    first, last = term.span
    is_counted = _flag_users(among) if among else None
    parts = []
    for rows in evaluator.reader.rows_of(term):
        users = rows.integers("user")
        at_ms = rows.table.column(first or last).fill_null(0 if first else _LATE_MS).to_numpy().astype(np.int64)
        cells = next(evaluator.reader.cells(rows))  # those of the period follow from these
        if is_counted is not None:
            known = np.flatnonzero(users < len(is_counted))
            known = known[is_counted[users[known]]]
            cells, users, at_ms = cells[known], users[known], at_ms[known]
        parts.append((cells, users, at_ms))
    columns = [concatenate_numbers(column) for column in zip(*parts, strict=True)] or [np.zeros(0, np.int64)] * 3
    by_bucket = _reduce_instants(*columns, is_least=first is not None)
    if evaluator.buckets is None:
        return by_bucket
    width = evaluator.width
    period_cells = by_bucket.cells // width * width + width - 1
    in_period = _reduce_instants(period_cells, by_bucket.users, by_bucket.at_ms, is_least=first is not None)
    return by_bucket.merge(in_period)


def _flag_users(groups: Sequence[UserInstants]) -> Flags:
    """Return for each user number up to the greatest one whether it occurs."""
    flags = np.zeros(1 + max(int(group.users.max(initial=0)) for group in groups), dtype=np.bool_)
    for group in groups:
        flags[group.users] = True
    return flags


def _reduce_instants(cells: Ints, users: Ints, at_ms: Ints, *, is_least: bool) -> UserInstants:
    """Return the least or the greatest instant of each cell and user."""
    check_stopped()
    size = 1 + int(users.max(initial=0))
    keys = cells * size + users
    order = np.argsort(keys)
    keys = keys[order]
    check_stopped()
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
    if len(starts):
        at_ms = (np.minimum if is_least else np.maximum).reduceat(at_ms[order], starts)
    cells, users = np.divmod(keys[starts], size)
    return UserInstants(cells, users, at_ms)


@evaluate.register
def _(value: Comparison, evaluator: Evaluator) -> Results:
    exposed, control = (_read_instants(term, evaluator) for term in (value.exposed, value.control))
    visits = _read_instants(value.visitors, evaluator, among=(exposed, control))
    was_exposed, _ = exposed.find(control.cells, control.users)
    grids = []
    for group in (exposed, control.select(~was_exposed)):
        if evaluator.has_scope(Scope.SITES):  # touches are by bucket, visits by cell
            has_touch, first_ms = group.find(visits.cells % evaluator.width, visits.users)
            visitor_cells = visits.cells[has_touch & (visits.at_ms >= first_ms)]
        else:  # visits are by bucket, touches by cell
            has_visit, last_ms = visits.find(group.cells % evaluator.width, group.users)
            visitor_cells = group.cells[has_visit & (last_ms >= group.at_ms)]
        grids += [_repeat_for_sites(_count(group.cells), evaluator), _count(visitor_cells)]
    return ComparisonResults(*grids)


def _count(cells: Ints) -> Grid:
    return sum_by_cell(cells, np.ones(len(cells), dtype=np.int64))


@dataclass(frozen=True, slots=True)
class ComparisonResults:
    """The sizes of two groups of users, the visitors of each, and statistics of the difference."""

    users: Grid
    visitors: Grid
    control_users: Grid
    control_visitors: Grid

    @property
    def keys(self) -> Ints:
        """The cells that have data, ascending."""
        return np.union1d(self.users.keys, self.control_users.keys)

    def count_values(self) -> int:
        """Return the number of values in the leaves of all cells that have data."""
        return len(self.keys)

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        """Return the leaves of these cells; cell -1 is an empty one."""
        grids = (self.users, self.visitors, self.control_users, self.control_visitors)
        counts = zip(*(grid.values_at(keys).tolist() for grid in grids), strict=True)
        return [
            {
                "exposed": _describe_group(users, visitors),
                "control": _describe_group(control_users, control_visitors) if control_users else None,
                **_describe_lift(users, visitors, control_users, control_visitors),
            }
            for users, visitors, control_users, control_visitors in counts
        ]


def _describe_group(users: int, visitors: int) -> dict[str, Any]:
    return {"users": users, "visitors": visitors, "rate": _round_ratio(visitors, users)}


def _describe_lift(users: int, visitors: int, control_users: int, control_visitors: int) -> dict[str, Any]:
    """Return the lift of one rate over the other, with the log interval of a ratio of binomial rates (Katz, 1978)."""
    lift: dict[str, Any] = {"lift": None, "incrementalVisitors": None, "ci95": None, "significant": False}
    if not users or not control_users:
        return lift
    scaled, control_scaled = visitors * control_users, control_visitors * users
    difference = np.array([scaled - control_scaled], dtype=object)
    (lift["incrementalVisitors"],) = round_quotients(difference, control_users, AMOUNT_DIGITS)
    if not control_visitors:
        return lift
    lift["lift"] = _round_ratio(scaled - control_scaled, control_scaled)
    if not visitors:
        return lift
    middle = log(scaled / control_scaled)
    error = sqrt(1 / visitors - 1 / users + 1 / control_visitors - 1 / control_users)
    low, high = (exp(middle + sign * CONFIDENCE_95 * error) - 1 for sign in (-1, 1))
    lift["ci95"] = [round(low, RATIO_DIGITS), round(high, RATIO_DIGITS)]
    lift["significant"] = low > 0 or high < 0
    return lift


def _round_ratio(numerator: int, denominator: int) -> float | None:
    (ratio,) = round_ratios(np.array([numerator], dtype=object), np.array([denominator], dtype=object))
    return ratio
