"""Evaluates distributions of measures and of users by band."""

import numpy as np

from okube_api.catalogue.bands import find_bands
from okube_api.catalogue.expressions.distributions import Distribution, Frequency
from okube_api.catalogue.kpi import Unit
from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.engine.evaluate import evaluate
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.grid import Grid, sum_by_cell
from okube_api.engine.results import BandResults, Results
from okube_api.engine.sets import count_memberships
from okube_api.engine.unions import Numbers
from okube_api.engine.user_counts import USER_BITS
from okube_api.store.arrays import Ints
from okube_api.store.exact_integers import sum_by_position


@evaluate.register
def _(value: Distribution, evaluator: Evaluator) -> Results:
    edges = evaluator.question.edges[value.bands]
    counts_term, amount_term = value.terms(evaluator.scope)
    counts = evaluator.sums.by_band(counts_term, value.measure, len(edges))
    if value.known_only:
        in_band = counts.keys % (len(edges) + 1) != 0
        counts = Grid(counts.keys[in_band], counts.numerators[in_band], counts.denominator, counts.is_integer)
    amount = evaluator.sums.total(amount_term, value.amount, value.amount_denominator)
    unit = evaluator.question.currency if value.unit == Unit.MONEY else value.unit
    return BandResults(counts, amount, edges, unit, value.counted)


@evaluate.register
def _(value: Frequency, evaluator: Evaluator) -> Results:
    edges = evaluator.question.edges[value.bands]
    keys, numbers, amount_keys, amounts = [], [], [], []
    for groups in evaluator.users.memberships((value.users,)):
        members, days_of_member = count_memberships(groups)
        cells, positions = evaluator.users.locate_users(members)
        users, days = members.users[positions], days_of_member[positions]
        if evaluator.users.has_repeats:
            cells, users, days = _sum_days(cells, users, days)
        weights = evaluator.users.weights_of(value.users, users)
        keys.append(cells * (len(edges) + 1) + find_bands(days, edges) + 1)
        numbers.append(weights)
        amount_keys.append(cells)
        amounts.append(weights * days)
    weighted = evaluator.question.is_weighted(value.users)
    denominator = WEIGHT_UNIT if weighted else 1
    counts = sum_by_cell(np.concatenate(keys), np.concatenate(numbers), denominator, not weighted)
    amount = sum_by_cell(np.concatenate(amount_keys), np.concatenate(amounts), denominator)
    return BandResults(counts, amount, edges, value.unit, value.counted)


def _sum_days(cells: Ints, users: Numbers, days: Ints) -> tuple[Ints, Numbers, Ints]:
    """Sum the days of each cell and user, where several groups of the rows have become one cell."""
    keys, positions = np.unique((cells << USER_BITS) | users.astype(np.int64), return_inverse=True)
    return (
        keys >> USER_BITS,
        (keys & (2**USER_BITS - 1)).astype(np.uint32),
        sum_by_position(positions, days, len(keys)),
    )
