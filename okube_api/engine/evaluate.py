"""What each kind of expression is worth, in one view: one rule per kind, whatever the KPI."""

from functools import reduce, singledispatch

import numpy as np

from okube_api.catalogue.bands import find_bands
from okube_api.catalogue.expressions.conversion import Comparison, Cost, Delivered, VenueRate
from okube_api.catalogue.expressions.paths import Amplitude, Matrix, Order
from okube_api.catalogue.expressions.values import (
    Affinity,
    Breakdown,
    Distinct,
    Distribution,
    Frequency,
    Minus,
    Number,
    Parts,
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
from okube_api.engine.evaluator import Names, View
from okube_api.engine.evaluators.affinity import affinity
from okube_api.engine.evaluators.amplitude import amplitude
from okube_api.engine.evaluators.costs import cost, delivered
from okube_api.engine.evaluators.credits import CampaignLeaves
from okube_api.engine.evaluators.exposure import comparison, venue_rate
from okube_api.engine.evaluators.matrix import matrix
from okube_api.engine.evaluators.order import order
from okube_api.engine.grid import Cells, summed
from okube_api.engine.results import BandLeaves, ItemLeaves, Leaves, NumberLeaves, RatioLeaves, RecordLeaves, label_of
from okube_api.engine.sets import multiplicities


@singledispatch
def leaves(value: Value, view: View) -> Leaves:
    """The leaves of a value, by cell of the view."""
    raise NotImplementedError(f"no rule for {type(value).__name__}")


@singledispatch
def number(value: Number, view: View) -> Cells:
    """A number, by cell of the view."""
    raise NotImplementedError(f"no rule for {type(value).__name__}")


# -- numbers ---------------------------------------------------------------------------------------------------


@number.register
def _(value: Total, view: View) -> Cells:
    (term,) = value.terms(view.scope)
    assert isinstance(term, Sums)
    return view.total(term, value.measure, value.per, value.whole)


@number.register
def _(value: Distinct, view: View) -> Cells:
    return view.count(value.sets)


@number.register
def _(value: Plus, view: View) -> Cells:
    return reduce(Cells.plus, (number(part, view) for part in value.parts))


@number.register
def _(value: Minus, view: View) -> Cells:
    return number(value.left, view).plus(number(value.right, view), sign=-1)


@number.register
def _(value: ScopedNumber, view: View) -> Cells:
    return number(value.by(view.scope), view)


@number.register
def _(value: Delivered, view: View) -> Cells:
    found: Cells = view.once(value, lambda: delivered(value, view))
    return found


@number.register
def _(value: Cost, view: View) -> Cells:
    found: Cells = view.once(value, lambda: cost(value, view))
    return found


# -- leaves ----------------------------------------------------------------------------------------------------


@leaves.register
def _(value: Number, view: View) -> Leaves:
    return NumberLeaves(number(value, view))


@leaves.register
def _(value: Ratio, view: View) -> Leaves:
    return RatioLeaves(number(value.above, view), number(value.below, view))


@leaves.register
def _(value: Scoped, view: View) -> Leaves:
    return leaves(value.by(view.scope), view)


@leaves.register
def _(value: Record, view: View) -> Leaves:
    return RecordLeaves(tuple((name, leaves(part, view)) for name, part in value.fields))


@leaves.register
def _(value: Distribution, view: View) -> Leaves:
    edges = view.question.edges[value.bands]
    counts, amount = value.terms(view.scope)
    assert isinstance(counts, Sums)
    assert isinstance(amount, Sums)
    banded = view.banded(counts, value.measure, len(edges))
    if value.known_only:
        known = banded.keys % (len(edges) + 1) != 0
        banded = Cells(banded.keys[known], banded.numerators[known], banded.per, banded.whole)
    total = view.total(amount, value.amount, value.amount_per)
    return BandLeaves(banded, total, edges, value.unit, value.counted)


@leaves.register
def _(value: Frequency, view: View) -> Leaves:
    edges = view.question.edges[value.bands]
    keys, numbers, amount_keys, amounts = [], [], [], []
    for rows in view.memberships((value.users,)):
        users, days = multiplicities(rows)
        cells, weights = view.cell_of_user(users), view.weights(value.users, users)
        bands = find_bands(days, edges) + 1
        keys.append(cells * (len(edges) + 1) + bands)
        numbers.append(weights)
        amount_keys.append(cells)
        amounts.append(weights * days)
    weighted = view.weighted(value.users)
    per = WEIGHT_UNIT if weighted else 1
    counts = summed(np.concatenate(keys), np.concatenate(numbers), per, not weighted)
    amount = summed(np.concatenate(amount_keys), np.concatenate(amounts), per)
    return BandLeaves(counts, amount, edges, value.unit, value.counted)


@leaves.register
def _(value: Breakdown, view: View) -> Leaves:
    assert value.users.attribute is not None
    attribute = view.panel.attribute(value.users.attribute)
    size = len(attribute.names) + 1
    keys, numbers = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for batch in view.people((value.users,)):
        codes = attribute.of(batch.users)
        keys.append(view.cell_of_user(batch) * size + np.where(codes < 0, size - 1, codes))
        numbers.append(view.weights(value.users, batch))
    weighted = view.weighted(value.users)
    counts = summed(np.concatenate(keys), np.concatenate(numbers), WEIGHT_UNIT if weighted else 1, not weighted)
    written = dict(value.labels)
    return ItemLeaves(counts, size, tuple((name, written.get(name.lower(), name)) for name in attribute.names))


@leaves.register
def _(value: Parts, view: View) -> Leaves:
    (term,) = value.terms(view.scope)
    assert isinstance(term, Sums)
    items = Names()
    counts, size = view.itemised(term, value.total.measure, value.column, items)
    labels = [label_of(view.question.labels, item) for item in items.list]
    if value.shape == "campaigns":
        return CampaignLeaves(counts, size, tuple(zip(items.list, (key for key, _ in labels), strict=True)))
    return ItemLeaves(counts, size, tuple(labels))


@leaves.register
def _(value: Affinity, view: View) -> Leaves:
    return affinity(value, view)


@leaves.register
def _(value: VenueRate, view: View) -> Leaves:
    found: Leaves = view.once(
        value, lambda: venue_rate(value, view, number(value.visits, view), number(value.prints, view))
    )
    return found


@leaves.register
def _(value: Comparison, view: View) -> Leaves:
    return comparison(value, view)


@leaves.register
def _(value: Amplitude, view: View) -> Leaves:
    return amplitude(value, view)


@leaves.register
def _(value: Matrix, view: View) -> Leaves:
    return matrix(value, view)


@leaves.register
def _(value: Order, view: View) -> Leaves:
    return order(value, view)
