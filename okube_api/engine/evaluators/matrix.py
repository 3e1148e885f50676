"""Evaluates which areas share their users: a matrix of distinct users seen in both of two areas."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from okube_api.catalogue.expressions.matrix import Matrix
from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.engine.areas import AreaUsers, cut_by_area
from okube_api.engine.evaluate import evaluate
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.grid import round_quotients
from okube_api.engine.leaf_columns import Leaf
from okube_api.engine.results import AMOUNT_DIGITS, Results, build_leaves, round_ratios
from okube_api.engine.unions import Numbers
from okube_api.engine.value_numbers import ValueNumbers
from okube_api.store.arrays import Ints

_BLOCK = 16_384  # users, of whom 100 sets are 13 MB


@evaluate.register
def _(value: Matrix, evaluator: Evaluator) -> Results:
    items = ValueNumbers()
    weigh = evaluator.users.panel.weights_of if evaluator.users.is_weighted(value.users) else None
    results = MatrixResults(AreaUsers.from_term(value.users, evaluator, value.most_areas, items), weigh)
    return cut_by_area(results, evaluator, items, _select_row, value.by)


def _select_row(leaf: Leaf, area: str) -> Leaf:
    if area not in leaf["areas"]:
        return {"areas": [], "users": [], "rate": []}
    row = leaf["areas"].index(area)
    return {"areas": leaf["areas"], "users": [leaf["users"][row]], "rate": [leaf["rate"][row]]}


@dataclass(frozen=True, slots=True)
class MatrixResults:
    """The areas of a cell, the busiest first, and the users that each shares with each.

    weigh: returns the weights of users in thousandths; None when each user counts as 1.
    """

    areas: AreaUsers
    weigh: Callable[[Numbers], Ints] | None

    @property
    def keys(self) -> Ints:
        """The cells that have data, ascending."""
        return self.areas.cells

    def count_values(self) -> int:
        """Return the number of values in the leaves of all cells that have data."""
        return self.areas.count_pairs()

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        """Return the leaves of these cells; cell -1 is an empty one."""
        return build_leaves(self._leaf, keys)

    def _leaf(self, key: int) -> Leaf:
        areas, users = self.areas.busiest(key)
        counts: Sequence[float]
        if self.weigh is None:
            shared = count_shared_users(users)
            counts = shared.ravel().tolist()
        else:
            shared = weigh_shared_users(users, self.weigh)
            by = np.lexsort((self.areas.name_ranks[areas], -np.diag(shared)))
            areas, shared = areas[by], shared[np.ix_(by, by)]
            counts = round_quotients(shared.ravel(), WEIGHT_UNIT, AMOUNT_DIGITS)
        users_of_row = np.repeat(np.diag(shared), len(areas))
        numbers, rates = iter(counts), iter(round_ratios(shared.ravel(), users_of_row))
        return {
            "areas": [self.areas.names[area] for area in areas],
            "users": [[next(numbers) for _ in areas] for _ in areas],
            "rate": [[next(rates) for _ in areas] for _ in areas],
        }


def count_shared_users(sets: Sequence[Numbers]) -> Ints:
    """Count, for each pair of sets of distinct users, the users in both; shape (sets, sets).

    Each set becomes a row of bits, one for each user of any set; the bits that two rows share are counted 64 at a time.
    """
    shared = np.zeros((len(sets), len(sets)), dtype=np.int64)
    if not sets:
        return shared
    users = np.unique(np.concatenate(sets))
    bits = np.zeros((len(sets), -(-len(users) // 64)), dtype=np.uint64)
    octets = bits.view(np.uint8)
    for row, members in zip(octets, sets, strict=True):
        flags = np.zeros(len(users), dtype=np.bool_)
        flags[np.searchsorted(users, members)] = True
        packed = np.packbits(flags)
        row[: len(packed)] = packed
    for at in range(len(sets)):
        counts = np.bitwise_count(bits[at] & bits[at:]).sum(axis=1, dtype=np.int64)
        shared[at, at:] = shared[at:, at] = counts
    return shared


def weigh_shared_users(sets: Sequence[Numbers], weigh: Callable[[Numbers], Ints]) -> Ints:
    """Sum, for each pair of sets of distinct users in ascending order, the weights of the users in both.

    The sums are products of matrices of doubles, a block of users at a time.  Weights are integers up to 10 ** 9, so
    that the sums of a block are below 2 ** 53, where doubles hold every integer.
    """
    shared = np.zeros((len(sets), len(sets)), dtype=np.int64)
    if not sets:
        return shared
    users = np.unique(np.concatenate(sets))
    weights = weigh(users)
    positions = [np.searchsorted(users, members) for members in sets]
    for low in range(0, len(users), _BLOCK):
        high = min(low + _BLOCK, len(users))
        flags = np.zeros((len(sets), high - low))
        for row, of_set in zip(flags, positions, strict=True):
            first, end = np.searchsorted(of_set, (low, high))
            row[of_set[first:end] - low] = 1
        shared += ((flags * weights[low:high]) @ flags.T).astype(np.int64)
    return shared
