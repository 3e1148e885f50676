"""Distributions: how much of a measure, or how many users, fall into each band."""

from dataclasses import dataclass

from typing_extensions import override

from okube_api.catalogue.bands import Bands
from okube_api.catalogue.fact import Measure
from okube_api.catalogue.scopes import Scope
from okube_api.catalogue.terms import Slice, Sums, Term, UserSet
from okube_api.catalogue.value import Value


@dataclass(frozen=True, slots=True)
class Distribution(Value):
    """A measure by band, with the exact mean of the banded quantity.

    band: the column of band indices, -1 where the quantity is unknown.
    amount: the banded quantity as a measure; its sum over the known part of `measure` is the mean.
    amount_denominator: how many units of `amount` make one unit of the bands.
    unit, counted: the unit of the bands and what is counted, as the answer names them.
    known_only: whether to leave out rows without a band instead of counting them as unknown.
    """

    slice: Slice
    measure: Measure
    band: str
    amount: Measure
    bands: Bands
    unit: str
    counted: str
    known_only: bool = False
    amount_denominator: int = 1

    @override
    def terms(self, scope: Scope) -> tuple[Sums, Sums]:
        return (Sums(self.slice, (self.measure,), (self.band,)), Sums(self.slice, (self.amount,)))


@dataclass(frozen=True, slots=True)
class Frequency(Value):
    """Users by their number of visitor-days.

    users: daily sets: each day and place that a user is in counts as one visitor-day.
    """

    users: UserSet
    bands: Bands
    unit: str
    counted: str

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return (self.users,)
