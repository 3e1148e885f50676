"""The scope of a question: an application, a study or a site."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from okube_api.catalogue.bands import Bands
from okube_api.catalogue.scopes import Scope
from okube_api.engine.fiscal_calendar import BusinessCalendar, read_calendar
from okube_api.kit.application import Application
from okube_api.store.values import Json
from okube_api.studies.everywhere import covers_all


@dataclass(frozen=True, slots=True)
class QuestionScope:
    """An application, narrowed by the study and the site that the path names.

    study: the document of the study of a geo-marketing question.  site: the id of the site.
    """

    application: Application
    study: Json | None = None
    site: str | None = None

    @property
    def edges(self) -> Mapping[Bands, tuple[int, ...]]:
        """The edges of the application's bands, ascending."""
        settings = self.application.settings.bands
        return {bands: tuple(getattr(settings, bands.value)) for bands in Bands}

    @property
    def calendar(self) -> BusinessCalendar:
        """The calendar of the application."""
        return read_calendar(self.application.settings.calendar)

    def place_ids(self, scope: Scope) -> Sequence[str] | None:
        """Return the ids of the study's sites or POIs; None for all of the application.

        A study without sites covers all sites; a study without POIs covers no POI, except for the study of all places.
        """
        if self.study is None or covers_all(self.study):
            return None
        ids: Sequence[str] = self.study.get(scope.value) or ()
        return None if scope is Scope.SITES and not ids else ids
