"""Evaluates which areas share their users: a matrix of distinct users seen in both of two areas."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from okube_api.catalogue.expressions.matrix import Matrix
from okube_api.engine.areas import AreaUsers, cut_by_area
from okube_api.engine.evaluate import evaluate
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.results import Leaf, Results, build_leaves, round_ratios
from okube_api.engine.term_rows import ValueNumbers
from okube_api.engine.unions import Numbers
from okube_api.store.arrays import Ints


@evaluate.register
def _(value: Matrix, evaluator: Evaluator) -> Results:
    items = ValueNumbers()
    results = MatrixResults(AreaUsers.from_term(value.users, evaluator, value.most_areas, items))
    return cut_by_area(results, evaluator, items, _select_row)


def _select_row(leaf: Leaf, area: str) -> Leaf:
    if area not in leaf["areas"]:
        return {"areas": [], "users": [], "rate": []}
    row = leaf["areas"].index(area)
    return {"areas": leaf["areas"], "users": [leaf["users"][row]], "rate": [leaf["rate"][row]]}


@dataclass(frozen=True, slots=True)
class MatrixResults:
    """The areas of a cell, the busiest first, and the users that each shares with each."""

    areas: AreaUsers

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
        shared = count_shared_users(users)
        users_of_row = np.repeat(np.diag(shared), len(areas))
        rates = iter(round_ratios(shared.ravel(), users_of_row))
        return {
            "areas": [self.areas.names[area] for area in areas],
            "users": shared.tolist(),
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
