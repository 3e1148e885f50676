"""What each kind of expression is worth, in one view: one rule per kind, whatever the KPI."""

from functools import reduce, singledispatch

import numpy as np

from okube_api.catalogue.bands import find_bands
from okube_api.catalogue.expressions.conversion import CampaignCost, Comparison, DeliveryCount, VenueRate
from okube_api.catalogue.expressions.paths import Amplitude, Matrix, VisitOrder
from okube_api.catalogue.expressions.values import (
    Affinity,
    AttributeBreakdown,
    Breakdown,
    Distinct,
    Distribution,
    Frequency,
    Minus,
    Number,
    Plus,
    Ratio,
    Record,
    Scoped,
    ScopedNumber,
    Sums,
    Total,
    Value,
)
from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.engine.evaluator import Evaluator, ValueNumbers
from okube_api.engine.evaluators.affinity import evaluate_affinity
from okube_api.engine.evaluators.amplitude import evaluate_amplitude
from okube_api.engine.evaluators.costs import evaluate_cost, evaluate_deliveries
from okube_api.engine.evaluators.credits import CampaignResults
from okube_api.engine.evaluators.exposure import evaluate_comparison, evaluate_venue_rate
from okube_api.engine.evaluators.matrix import evaluate_matrix
from okube_api.engine.evaluators.order import evaluate_order
from okube_api.engine.grid import Grid, sum_by_cell
from okube_api.engine.results import (
    BandResults,
    ItemResults,
    NumberResults,
    RatioResults,
    RecordResults,
    Results,
    key_and_label,
)
from okube_api.engine.sets import count_memberships


@singledispatch
def evaluate(value: Value, view: Evaluator) -> Results:
    """The leaves of a value, by cell of the view."""
    raise NotImplementedError(f"no rule for {type(value).__name__}")


@singledispatch
def evaluate_number(value: Number, view: Evaluator) -> Grid:
    """A number, by cell of the view."""
    raise NotImplementedError(f"no rule for {type(value).__name__}")


# -- numbers ---------------------------------------------------------------------------------------------------


@evaluate_number.register
def _(value: Total, view: Evaluator) -> Grid:
    (term,) = value.terms(view.scope)
    assert isinstance(term, Sums)
    return view.total(term, value.measure, value.denominator, value.is_integer)


@evaluate_number.register
def _(value: Distinct, view: Evaluator) -> Grid:
    return view.count(value.sets)


@evaluate_number.register
def _(value: Plus, view: Evaluator) -> Grid:
    return reduce(Grid.add, (evaluate_number(part, view) for part in value.parts))


@evaluate_number.register
def _(value: Minus, view: Evaluator) -> Grid:
    return evaluate_number(value.left, view).add(evaluate_number(value.right, view), sign=-1)


@evaluate_number.register
def _(value: ScopedNumber, view: Evaluator) -> Grid:
    return evaluate_number(value.for_scope(view.scope), view)


@evaluate_number.register
def _(value: DeliveryCount, view: Evaluator) -> Grid:
    found: Grid = view.once(value, lambda: evaluate_deliveries(value, view))
    return found


@evaluate_number.register
def _(value: CampaignCost, view: Evaluator) -> Grid:
    found: Grid = view.once(value, lambda: evaluate_cost(value, view))
    return found


# -- leaves ----------------------------------------------------------------------------------------------------


@evaluate.register
def _(value: Number, view: Evaluator) -> Results:
    return NumberResults(evaluate_number(value, view))


@evaluate.register
def _(value: Ratio, view: Evaluator) -> Results:
    return RatioResults(evaluate_number(value.numerator, view), evaluate_number(value.denominator, view))


@evaluate.register
def _(value: Scoped, view: Evaluator) -> Results:
    return evaluate(value.for_scope(view.scope), view)


@evaluate.register
def _(value: Record, view: Evaluator) -> Results:
    return RecordResults(tuple((name, evaluate(part, view)) for name, part in value.fields))


@evaluate.register
def _(value: Distribution, view: Evaluator) -> Results:
    edges = view.question.edges[value.bands]
    counts, amount = value.terms(view.scope)
    assert isinstance(counts, Sums)
    assert isinstance(amount, Sums)
    banded = view.banded(counts, value.measure, len(edges))
    if value.known_only:
        known = banded.keys % (len(edges) + 1) != 0
        banded = Grid(banded.keys[known], banded.numerators[known], banded.denominator, banded.is_integer)
    total = view.total(amount, value.amount, value.amount_denominator)
    return BandResults(banded, total, edges, value.unit, value.counted)


@evaluate.register
def _(value: Frequency, view: Evaluator) -> Results:
    edges = view.question.edges[value.bands]
    keys, numbers, amount_keys, amounts = [], [], [], []
    for rows in view.memberships((value.users,)):
        users, days = count_memberships(rows)
        cells, weights = view.cell_of_user(users), view.weights(value.users, users)
        bands = find_bands(days, edges) + 1
        keys.append(cells * (len(edges) + 1) + bands)
        numbers.append(weights)
        amount_keys.append(cells)
        amounts.append(weights * days)
    weighted = view.weighted(value.users)
    per = WEIGHT_UNIT if weighted else 1
    counts = sum_by_cell(np.concatenate(keys), np.concatenate(numbers), per, not weighted)
    amount = sum_by_cell(np.concatenate(amount_keys), np.concatenate(amounts), per)
    return BandResults(counts, amount, edges, value.unit, value.counted)


@evaluate.register
def _(value: AttributeBreakdown, view: Evaluator) -> Results:
    assert value.users.attribute is not None
    attribute = view.panel.attribute(value.users.attribute)
    size = len(attribute.names) + 1
    keys, numbers = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for batch in view.people((value.users,)):
        codes = attribute.codes_of(batch.users)
        keys.append(view.cell_of_user(batch) * size + np.where(codes < 0, size - 1, codes))
        numbers.append(view.weights(value.users, batch))
    weighted = view.weighted(value.users)
    counts = sum_by_cell(np.concatenate(keys), np.concatenate(numbers), WEIGHT_UNIT if weighted else 1, not weighted)
    written = dict(value.labels)
    return ItemResults(counts, size, tuple((name, written.get(name.lower(), name)) for name in attribute.names))


@evaluate.register
def _(value: Breakdown, view: Evaluator) -> Results:
    (term,) = value.terms(view.scope)
    assert isinstance(term, Sums)
    items = ValueNumbers()
    counts, size = view.itemised(term, value.total.measure, value.column, items)
    labels = [key_and_label(view.question.labels, item) for item in items.values]
    if value.shape == "campaigns":
        return CampaignResults(counts, size, tuple(zip(items.values, (key for key, _ in labels), strict=True)))
    return ItemResults(counts, size, tuple(labels))


@evaluate.register
def _(value: Affinity, view: Evaluator) -> Results:
    return evaluate_affinity(value, view)


@evaluate.register
def _(value: VenueRate, view: Evaluator) -> Results:
    found: Results = view.once(
        value,
        lambda: evaluate_venue_rate(
            value, view, evaluate_number(value.visits, view), evaluate_number(value.prints, view)
        ),
    )
    return found


@evaluate.register
def _(value: Comparison, view: Evaluator) -> Results:
    return evaluate_comparison(value, view)


@evaluate.register
def _(value: Amplitude, view: Evaluator) -> Results:
    return evaluate_amplitude(value, view)


@evaluate.register
def _(value: Matrix, view: Evaluator) -> Results:
    return evaluate_matrix(value, view)


@evaluate.register
def _(value: VisitOrder, view: Evaluator) -> Results:
    return evaluate_order(value, view)
