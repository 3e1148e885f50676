"""The areas with the most users of each cell, and the users of each."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from okube_api.catalogue.terms import UserSet
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.results import find_label
from okube_api.engine.sets import Numbers, UserGroups, concatenate
from okube_api.engine.term_rows import ValueNumbers
from okube_api.store.arrays import Ints


@dataclass(frozen=True)
class AreaUsers:
    """Distinct users by cell and area.

    groups: at `cell * size + area`, ascending.
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
        groups = concatenate(batches)
        labels = evaluator.question.labels
        names = tuple(find_label(labels, item)[0] for item in items.values)
        return cls(groups.select_rows(np.argsort(groups.keys)), size, names, most_areas)

    @property
    def cells(self) -> Ints:
        """The cells that have users."""
        return np.unique(self.groups.keys // self.size)

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
