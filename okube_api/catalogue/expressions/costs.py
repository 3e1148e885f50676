"""Deliveries and costs of campaigns, with the shares of sites."""

from dataclasses import dataclass

from typing_extensions import override

from okube_api.catalogue.fact import Measure
from okube_api.catalogue.facts import CLICKS, DELIVERIES, OPENINGS, PRINTS
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.catalogue.terms import Slice, Sums
from okube_api.catalogue.value import Number

ALL_DELIVERIES = Slice(
    DELIVERIES,
    (PlaceRole.SITES, "site"),
    ((Scope.SITES, "site"), (Scope.CAMPAIGNS, "campaign")),
    placeless=True,
)


@dataclass(frozen=True, slots=True)
class DeliveryCount(Number):
    """Prints, clicks or openings that the media platform counts; a delivery without a site is shared evenly."""

    measure: Measure

    @override
    def terms(self, scope: Scope) -> tuple[Sums]:
        return (Sums(ALL_DELIVERIES, (self.measure,), shared=True),)


@dataclass(frozen=True, slots=True)
class CampaignCost(Number):
    """The cost of campaigns: fixed costs evenly over their days, others by the deliveries that they pay for."""

    @override
    def terms(self, scope: Scope) -> tuple[Sums]:
        return (Sums(ALL_DELIVERIES, (PRINTS, CLICKS, OPENINGS), split=("campaign",), daily=True, shared=True),)
