"""Whom a question is asked of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from okube_api.catalogue.expressions.values import Bands, Scope
from okube_api.kit.application import Application
from okube_api.store.base import Json


@dataclass(frozen=True, slots=True)
class QuestionScope:
    """An application, narrowed by what the path names.

    study: the study of a geo-marketing question, with its `sites` and `pois`; site: the id of the path's one.
    """

    application: Application
    study: Json | None = None
    site: str | None = None

    @property
    def edges(self) -> Mapping[Bands, tuple[int, ...]]:
        """The application's bins."""
        bands = self.application.settings.bands
        return {one: tuple(getattr(bands, one.value)) for one in Bands}

    def place_ids(self, scope: Scope) -> Sequence[str] | None:
        """The ids of the sites or points of interest that the study has; None for every one of the application.

        A study that names no site is a global one, of every site.  One that names no point of interest has none.
        """
        if self.study is None:
            return None
        found: Sequence[str] = self.study.get(scope.value) or ()
        return None if scope is Scope.SITES and not found else found
