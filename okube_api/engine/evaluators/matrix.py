"""Which areas share their users: a matrix of distinct users seen in both of two areas."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from okube_api.catalogue.expressions.paths import Matrix
from okube_api.engine.evaluator import Evaluator, ValueNumbers
from okube_api.engine.evaluators.areas import AreaUsers
from okube_api.engine.results import Leaf, round_ratios
from okube_api.engine.sets import Numbers
from okube_api.store.arrays import Ints


@dataclass(frozen=True, slots=True)
class MatrixResults:
    """The areas of a cell, the busiest first, and the users that each has in common with each."""

    areas: AreaUsers

    @property
    def keys(self) -> Ints:
        return self.areas.cells

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        return [self._leaf(int(key)) for key in keys]

    def _leaf(self, key: int) -> Leaf:
        areas, users = self.areas.busiest(key)
        shared = count_shared_users(users)
        own = np.repeat(np.diag(shared), len(areas))
        rates = iter(round_ratios(shared.ravel(), own))
        return {
            "areas": [self.areas.names[area] for area in areas],
            "users": shared.tolist(),
            "rate": [[next(rates) for _ in areas] for _ in areas],
        }


def evaluate_matrix(value: Matrix, view: Evaluator) -> MatrixResults:
    """The leaves of a matrix, in a view."""
    return MatrixResults(AreaUsers.of(value.users, view, value.most_areas, ValueNumbers()))


def count_shared_users(sets: Sequence[Numbers]) -> Ints:
    """For each pair of sets of distinct users, how many users are in both; shape (sets, sets)."""
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
