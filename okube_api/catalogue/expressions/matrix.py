"""Which areas of a site share their users."""

from dataclasses import dataclass

from typing_extensions import override

from okube_api.catalogue.scopes import Scope
from okube_api.catalogue.terms import Term, UserSet
from okube_api.catalogue.value import Value


@dataclass(frozen=True, slots=True)
class Matrix(Value):
    """For each pair of areas, the users seen in both.

    users: split by the area.
    most_areas: how many areas to show: those with the most users.
    by: the scope of the areas; by that scope, a leaf is the row of one area.
    """

    users: UserSet
    most_areas: int
    by: Scope = Scope.EQUIPMENTS

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return (self.users,)
