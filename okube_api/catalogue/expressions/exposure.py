"""Visits of users who were exposed to campaigns."""

from dataclasses import dataclass

from typing_extensions import override

from okube_api.catalogue.scopes import Scope
from okube_api.catalogue.terms import Term, UserSet
from okube_api.catalogue.value import Value


@dataclass(frozen=True, slots=True)
class VenueRate(Value):
    """Exposed users with a visit over exposed users; null where nobody was exposed."""

    exposed: UserSet
    visitors: UserSet

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return (self.exposed, self.visitors)


@dataclass(frozen=True, slots=True)
class Comparison(Value):
    """The rate of visitors among exposed users, compared with that of the control group without exposed users.

    exposed, control: their span gives the first touch of each user.
    visitors: their span gives the last visit of each user, which counts if it is at or after the first touch.
    """

    exposed: UserSet
    control: UserSet
    visitors: UserSet

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return (self.exposed, self.control, self.visitors)
