"""Evaluates distributions of measures and of users by band."""

import numpy as np

from okube_api.catalogue.bands import find_bands
from okube_api.catalogue.expressions.distributions import Distribution, Frequency
from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.engine.evaluate import evaluate
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.grid import Grid, sum_by_cell
from okube_api.engine.results import BandResults, Results
from okube_api.engine.sets import count_memberships


@evaluate.register
def _(value: Distribution, evaluator: Evaluator) -> Results:
    edges = evaluator.question.edges[value.bands]
    counts_term, amount_term = value.terms(evaluator.scope)
    counts = evaluator.sums.by_band(counts_term, value.measure, len(edges))
    if value.known_only:
        in_band = counts.keys % (len(edges) + 1) != 0
        counts = Grid(counts.keys[in_band], counts.numerators[in_band], counts.denominator, counts.is_integer)
    amount = evaluator.sums.total(amount_term, value.amount, value.amount_denominator)
    return BandResults(counts, amount, edges, value.unit, value.counted)


@evaluate.register
def _(value: Frequency, evaluator: Evaluator) -> Results:
    edges = evaluator.question.edges[value.bands]
    keys, numbers, amount_keys, amounts = [], [], [], []
    for groups in evaluator.users.memberships((value.users,)):
        users, days = count_memberships(groups)
        cells, weights = evaluator.users.cells_of_users(users), evaluator.users.weights(value.users, users)
        keys.append(cells * (len(edges) + 1) + find_bands(days, edges) + 1)
        numbers.append(weights)
        amount_keys.append(cells)
        amounts.append(weights * days)
    weighted = evaluator.question.is_weighted(value.users)
    denominator = WEIGHT_UNIT if weighted else 1
    counts = sum_by_cell(np.concatenate(keys), np.concatenate(numbers), denominator, not weighted)
    amount = sum_by_cell(np.concatenate(amount_keys), np.concatenate(amounts), denominator)
    return BandResults(counts, amount, edges, value.unit, value.counted)
