"""Affinity of visitors with points of interest."""

from dataclasses import dataclass

from typing_extensions import override

from okube_api.catalogue.scopes import Scope
from okube_api.catalogue.terms import Term, UserSet
from okube_api.catalogue.value import Value


@dataclass(frozen=True, slots=True)
class Affinity(Value):
    """For each POI, how much more likely a visitor of the sites has a stay there than a user of the reference.

    poi_visitors: split by the POI.
    """

    visitors: UserSet
    poi_visitors: UserSet
    reference_users: UserSet

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return (self.visitors, self.poi_visitors, self.reference_users)
