"""Finds the areas with the most users of each cell, and splits leaves about all areas into one leaf per area."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from okube_api.catalogue.scopes import Scope
from okube_api.catalogue.terms import UserSet
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.leaf_columns import Leaf
from okube_api.engine.results import Results, find_label
from okube_api.engine.sets import UserGroups, concatenate
from okube_api.engine.unions import Numbers
from okube_api.engine.value_numbers import ValueNumbers
from okube_api.store.arrays import Ints
from okube_api.store.exact_integers import concatenate_numbers


@dataclass(frozen=True)
class AreaUsers:
    """Distinct users by cell and area.

    groups: with the keys `cell * size + area`, ascending.
    names: the names of the areas in answers.
    most_areas: how many areas of a cell to show: those with the most users.
    """

    groups: UserGroups
    size: int
    names: tuple[str, ...]
    most_areas: int

    @classmethod
    def from_term(cls, term: UserSet, evaluator: Evaluator, most_areas: int, items: ValueNumbers) -> "AreaUsers":
        """Evaluate a set of users that is split by the area; `items` numbers the areas."""
        batches, size = evaluator.users.distinct_users_by_item(term, items)
        return cls.from_groups(concatenate(batches), size, evaluator, most_areas, items)

    @classmethod
    def from_groups(
        cls, groups: UserGroups, size: int, evaluator: Evaluator, most_areas: int, items: ValueNumbers
    ) -> "AreaUsers":
        """Build from distinct users with the keys `cell * size + area`, in any order; `items` numbers the areas."""
        labels = evaluator.question.labels
        names = tuple(find_label(labels, item)[0] for item in items.values)
        return cls(groups.select_rows(np.argsort(groups.keys)), size, names, most_areas)

    @property
    def cells(self) -> Ints:
        """The cells that have users."""
        return np.unique(self.groups.keys // self.size)

    def count_pairs(self) -> int:
        """Return the number of pairs of shown areas, over all cells."""
        _, counts = np.unique(self.groups.keys // self.size, return_counts=True)
        return int((np.minimum(counts, self.most_areas) ** 2).sum())

    @cached_property
    def name_ranks(self) -> Ints:
        """The rank of each area's name in the order of names."""
        ranks = np.empty(len(self.names), dtype=np.int64)
        ranks[sorted(range(len(self.names)), key=self.names.__getitem__)] = np.arange(len(self.names))
        return ranks

    def busiest(self, cell: int) -> tuple[Ints, list[Numbers]]:
        """Return the areas of a cell to show, the one with the most users first (ties by name), and their users."""
        low, high = np.searchsorted(self.groups.keys, (cell * self.size, (cell + 1) * self.size))
        areas = self.groups.keys[low:high] - cell * self.size
        counts = self.groups.offsets[low + 1 : high + 1] - self.groups.offsets[low:high]
        chosen = np.lexsort((self.name_ranks[areas], -counts))[: self.most_areas]
        chosen = chosen[counts[chosen] > 0]
        bounds = self.groups.offsets
        return areas[chosen], [self.groups.users[bounds[low + at] : bounds[low + at + 1]] for at in chosen]


class AreaResults(Results, Protocol):
    """Results whose leaves are about the areas of a cell."""

    @property
    def areas(self) -> AreaUsers:
        """The areas of each cell."""


def cut_by_area(
    results: AreaResults,
    evaluator: Evaluator,
    items: ValueNumbers,
    select: Callable[[Leaf, str], Leaf],
    by: Scope = Scope.EQUIPMENTS,
) -> Results:
    """Return results by area if that is the scope: each leaf is split into its parts about single areas.

    items: numbers the areas.  by: the scope of the areas.
    select: returns the part of a leaf about the area with a key, or an empty leaf if the area is not in the leaf.
    """
    if evaluator.scope is not by:
        return results
    numbers = np.array([evaluator.scope_values.number(area) for area in items.values], dtype=np.int64)
    return ResultsByArea(results, evaluator.width, numbers, select)


@dataclass(frozen=True, slots=True)
class ResultsByArea:
    """The parts of the leaves of `results`, one per area and bucket.

    scope_values: the number of each area's scope value.
    """

    results: AreaResults
    width: int
    scope_values: Ints
    select: Callable[[Leaf, str], Leaf]

    @property
    def keys(self) -> Ints:
        """The cells that have data, ascending."""
        parts = []
        for bucket in self.results.areas.cells.tolist():
            areas, _ = self.results.areas.busiest(bucket)
            parts.append(self.scope_values[areas] * self.width + bucket)
        return np.sort(concatenate_numbers(parts))

    def count_values(self) -> int:
        """Return the number of values in the leaves of all cells that have data."""
        return self.results.count_values()

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        """Return the leaves of these cells; cell -1 is an empty one."""
        names = dict(zip(self.scope_values.tolist(), self.results.areas.names, strict=True))
        buckets = np.unique(np.where(keys < 0, -1, keys % self.width))
        leaves = dict(zip(buckets.tolist(), self.results.leaves_at(buckets), strict=True))
        return [
            self.select(leaves[key % self.width if key >= 0 else -1], names.get(key // self.width, ""))
            for key in keys.tolist()
        ]
