"""Amplitude: the length of users' days at a place."""

from dataclasses import dataclass

from typing_extensions import override

from okube_api.catalogue.bands import Bands
from okube_api.catalogue.scopes import Scope
from okube_api.catalogue.terms import Term, UserSet
from okube_api.catalogue.value import Value


@dataclass(frozen=True, slots=True)
class Amplitude(Value):
    """Users' days by length: from the earliest start to the latest end of the day's rows at a place.

    users: daily; their span names the columns of starts and ends, in milliseconds.
    """

    users: UserSet
    bands: Bands
    unit: str
    counted: str

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return (self.users,)
