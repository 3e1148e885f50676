"""Equipments, what is measured within a site, in the store."""

from okube_api.kit.application import Application
from okube_api.kit.validated_repository import Make, Making, Pairs, kept
from okube_api.store.base import Collection, Condition, Json, Kind, equal

EQUIPMENTS = Collection(
    "equipments",
    fields={
        "version": Kind.INTEGER,
        "application": Kind.TEXT,
        "site": Kind.TEXT,
        "key": Kind.TEXT,
        "type": Kind.TEXT,
        "active": Kind.BOOLEAN,
    },
    unique=(("application", "key"),),
    search=("name", "key"),
)


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
