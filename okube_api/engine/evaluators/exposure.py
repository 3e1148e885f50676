"""Users whom campaigns reached: how many of them came, and how many more than of those who were not shown anything.

Exposures know no site, and visits of any cause no campaign: such users are by bucket only, the same for every scope
value.
"""

from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Any

import numpy as np

from okube_api.catalogue.expressions.conversion import Comparison, VenueRate
from okube_api.catalogue.expressions.values import PlaceRole, Scope, UserSet
from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.grid import Grid, round_quotients, sum_by_cell
from okube_api.engine.results import AMOUNT_DIGITS, RATIO_DIGITS, Leaf, RatioResults, Results, round_ratios
from okube_api.engine.sets import UserGroups, concatenate, find_members
from okube_api.store.arrays import Ints

CONFIDENCE_95 = 1.96  # standard errors
NOBODY_EXPOSED = "venueRate: nobody is known to have been exposed, so it is offline visits over prints."


@dataclass(frozen=True, slots=True)
class ReachedUsers:
    """Distinct users by cell, or by bucket where `by_scope` is false."""

    users: UserGroups
    by_scope: bool

    def intersect(self, other: "ReachedUsers", width: int) -> "ReachedUsers":
        """Users of both, by cell where either is."""
        if other.by_scope and not self.by_scope:
            return other.intersect(self, width)
        return ReachedUsers(self.users.filter_users(self._in(other, width)), self.by_scope)

    def subtract(self, other: "ReachedUsers", width: int) -> "ReachedUsers":
        """Users who are not of the other one, which is by cell only where this one is."""
        return ReachedUsers(self.users.filter_users(~self._in(other, width)), self.by_scope)

    def _in(self, other: "ReachedUsers", width: int) -> Any:
        keys = self.users.keys if other.by_scope or not self.by_scope else self.users.keys % width
        return find_members(self.users, other.users, keys)


def crowd(term: UserSet, view: Evaluator) -> ReachedUsers:
    """The users of a term."""
    by_scope = view.scope is Scope.GLOBALS or term.slice.column(view.scope) is not None
    users: UserGroups = view.once(term, lambda: concatenate(list(view.people((term,)))))
    return ReachedUsers(users, by_scope)


def evaluate_venue_rate(value: VenueRate, view: Evaluator, visits: Grid, prints: Grid) -> Results:
    """The part of exposed users who came; visits over prints, said in a note, where nobody is known to be exposed."""
    exposed = crowd(value.exposed, view)
    if len(exposed.users.users) == 0:
        view.notes.append(NOBODY_EXPOSED)
        return RatioResults(visits, prints)
    came = exposed.intersect(crowd(value.visitors, view), view.width)
    return RatioResults(_weighed(came, value.exposed, view), _weighed(exposed, value.exposed, view))


def _weighed(found: ReachedUsers, term: UserSet, view: Evaluator) -> Grid:
    weights = view.weights(term, found.users)
    per = WEIGHT_UNIT if view.weighted(term) else 1
    return _at_cells(found, sum_by_cell(found.users.keys, found.users.sums(weights), per), view)


def _counted(found: ReachedUsers, view: Evaluator) -> Grid:
    return _at_cells(found, sum_by_cell(found.users.keys, found.users.lengths), view)


def _at_cells(found: ReachedUsers, cells: Grid, view: Evaluator) -> Grid:
    """Numbers by cell; those by bucket are the same for every site."""
    if found.by_scope or view.scope is not Scope.SITES:
        return cells
    sites = np.array(sorted(view.names.number(site) for site in view.question.places[PlaceRole.SITES]), dtype=np.int64)
    keys = (sites[:, np.newaxis] * view.width + cells.keys).ravel()
    return Grid(keys, np.tile(cells.numerators, len(sites)), cells.denominator, cells.is_integer)


# -- comparison ----------------------------------------------------------------------------------------------------


def evaluate_comparison(value: Comparison, view: Evaluator) -> Results:
    """Exposed users against the control group, by cell."""
    exposed, visitors = crowd(value.exposed, view), crowd(value.visitors, view)
    control = crowd(value.control, view).subtract(exposed, view.width)
    groups = (exposed, exposed.intersect(visitors, view.width), control, control.intersect(visitors, view.width))
    return ComparisonResults(*(_counted(group, view) for group in groups))


@dataclass(frozen=True, slots=True)
class ComparisonResults:
    """Two groups of users, how many of each came, and what can be said of the difference."""

    users: Grid
    visitors: Grid
    control_users: Grid
    control_visitors: Grid

    @property
    def keys(self) -> Ints:
        return np.union1d(self.users.keys, self.control_users.keys)

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        counts = (self.users, self.visitors, self.control_users, self.control_visitors)
        return [_compared(*row) for row in zip(*(cells.values_at(keys).tolist() for cells in counts), strict=True)]


def _compared(users: int, visitors: int, control_users: int, control_visitors: int) -> dict[str, Any]:
    return {
        "exposed": _group(users, visitors),
        "control": _group(control_users, control_visitors) if control_users else None,
        **_lift(users, visitors, control_users, control_visitors),
    }


def _group(users: int, visitors: int) -> dict[str, Any]:
    return {"users": users, "visitors": visitors, "rate": _ratio(visitors, users)}


def _lift(users: int, visitors: int, control_users: int, control_visitors: int) -> dict[str, Any]:
    """The lift of one rate over the other, with the log interval of a ratio of two binomial rates (Katz, 1978)."""
    found: dict[str, Any] = {"lift": None, "incrementalVisitors": None, "ci95": None, "significant": False}
    if not users or not control_users:
        return found
    ours, theirs = visitors * control_users, control_visitors * users
    (found["incrementalVisitors"],) = round_quotients(_number(ours - theirs), control_users, AMOUNT_DIGITS)
    if not control_visitors:
        return found
    found["lift"] = _ratio(ours - theirs, theirs)
    if not visitors:
        return found
    middle = log(ours / theirs)
    error = sqrt(1 / visitors - 1 / users + 1 / control_visitors - 1 / control_users)
    low, high = (exp(middle + sign * CONFIDENCE_95 * error) - 1 for sign in (-1, 1))
    found["ci95"] = [round(low, RATIO_DIGITS), round(high, RATIO_DIGITS)]
    found["significant"] = low > 0 or high < 0
    return found


def _ratio(above: int, below: int) -> float | None:
    (found,) = round_ratios(_number(above), _number(below))
    return found


def _number(value: int) -> Any:
    return np.array([value], dtype=object)
