"""The order in which devices visit the areas of a site."""

from dataclasses import dataclass

from typing_extensions import override

from okube_api.catalogue.scopes import Scope
from okube_api.catalogue.terms import Sums, Term, UserSet
from okube_api.catalogue.value import Value


@dataclass(frozen=True, slots=True)
class VisitOrder(Value):
    """The ranks of areas in paths, and the steps from one area to the next.

    users: split by the area.
    ranks: split by the area and its rank in a path.
    steps: split by the areas where a step begins and ends; null for a step out of the site.
    most_areas: how many areas to show: those with the most users.
    """

    users: UserSet
    ranks: Sums
    steps: Sums
    most_areas: int

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return (self.users, self.ranks, self.steps)


@dataclass(frozen=True, slots=True)
class PathOrder(Value):
    """The same values computed from whole paths, for questions with a filter that excludes stays.

    paths: split by the user and the path of stays.
    """

    paths: Sums
    most_areas: int

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return (self.paths,)
