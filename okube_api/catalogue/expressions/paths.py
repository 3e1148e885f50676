"""What is made of paths through a site: how long days last, which areas share their users, in which order they come."""

from dataclasses import dataclass

from typing_extensions import override

from okube_api.catalogue.expressions.values import Bands, Scope, Sums, Term, UserSet, Value


@dataclass(frozen=True, slots=True)
class Amplitude(Value):
    """Users' days by their length, from the earliest start to the latest end of the day's rows at a place.

    users: daily, their span the columns of starts and ends, in milliseconds.
    """

    users: UserSet
    bands: Bands
    unit: str
    counted: str

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return (self.users,)


@dataclass(frozen=True, slots=True)
class Matrix(Value):
    """For each pair of areas, the users seen in both.

    users: split by the area.  most: so many areas, those of the most users.
    """

    users: UserSet
    most_areas: int

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return (self.users,)


@dataclass(frozen=True, slots=True)
class VisitOrder(Value):
    """In which order the areas of paths come.

    users: split by the area.  most: so many areas, those of the most users.
    ranks: split by the area and its rank in a path.
    steps: split by the areas where a step begins and where it leads, null for out of the site.
    """

    users: UserSet
    ranks: Sums
    steps: Sums
    most_areas: int

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return (self.users, self.ranks, self.steps)
