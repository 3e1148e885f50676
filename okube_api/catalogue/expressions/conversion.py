"""What conversion KPIs are worth beyond sums: deliveries and costs with their shares, and users that were exposed."""

from dataclasses import dataclass

from typing_extensions import override

from okube_api.catalogue.expressions.values import Number, PlaceRole, Scope, Slice, Sums, Term, UserSet, Value
from okube_api.catalogue.facts import CLICKS, DELIVERIES, OPENINGS, PRINTS, Measure

DELIVERED = Slice(
    DELIVERIES,
    (PlaceRole.SITES, "site"),
    ((Scope.SITES, "site"), (Scope.CAMPAIGNS, "campaign")),
    placeless=True,
)


@dataclass(frozen=True, slots=True)
class DeliveryCount(Number):
    """What the media platform counts, and where it does not say at which site, each site's even share."""

    measure: Measure

    @override
    def terms(self, scope: Scope) -> tuple[Sums]:
        return (Sums(DELIVERED, (self.measure,), shared=True),)


@dataclass(frozen=True, slots=True)
class CampaignCost(Number):
    """What campaigns cost: fixed costs evenly over their days, the others as what they pay for was delivered."""

    @override
    def terms(self, scope: Scope) -> tuple[Sums]:
        return (Sums(DELIVERED, (PRINTS, CLICKS, OPENINGS), split=("campaign",), daily=True, shared=True),)


@dataclass(frozen=True, slots=True)
class VenueRate(Value):
    """Exposed users who came over exposed users; where nobody is known to be exposed, visits over prints."""

    exposed: UserSet
    visitors: UserSet
    visits: Number
    prints: Number

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return (self.exposed, self.visitors, *self.visits.terms(scope), *self.prints.terms(scope))


@dataclass(frozen=True, slots=True)
class Comparison(Value):
    """How much likelier exposed users are to visit than those who were deliberately not exposed."""

    exposed: UserSet
    control: UserSet
    visitors: UserSet

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return (self.exposed, self.control, self.visitors)
