"""Equipments, what is measured within a site, in the store."""

from okube_api.applications.repository import Application
from okube_api.making import Make, Making, Pairs, kept
from okube_api.sites.repository import EQUIPMENTS
from okube_api.store.base import Condition, Json, equal


class Equipments(Making):
    """The equipments of every site; their keys are unique in the application."""

    collection = EQUIPMENTS
    kind = "equipment"

    async def maker(self, application: Application, many: Pairs) -> Make:  # noqa: ARG002 - nothing to look up
        """The rule for equipments, whose `site` is among the fields of new ones."""

        def make(stored: Json, fields: Json) -> Json:
            return {"active": True, **kept(stored | fields)}

        return make


def within(site: Json) -> Condition:
    """The equipments of a site."""
    return equal("application", site["application"]) & equal("site", site["_id"])
