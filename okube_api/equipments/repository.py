"""Equipments, what is measured within a site, in the store."""

from okube_api.kit.application import Application
from okube_api.kit.validated_repository import Normalize, Updates, ValidatedRepository, drop_nulls
from okube_api.store.conditions import Condition, equal
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json

EQUIPMENTS = Collection(
    "equipments",
    fields={
        "version": ColumnType.INTEGER,
        "application": ColumnType.TEXT,
        "site": ColumnType.TEXT,
        "key": ColumnType.TEXT,
        "type": ColumnType.TEXT,
        "active": ColumnType.BOOLEAN,
    },
    unique=(("application", "key"),),
    search=("name", "key"),
)


class EquipmentRepository(ValidatedRepository):
    """The equipments of every site; their keys are unique in the application."""

    collection = EQUIPMENTS
    kind = "equipment"

    async def load_normalizer(self, application: Application, many: Updates) -> Normalize:  # noqa: ARG002 - nothing to look up
        """The rule for equipments, whose `site` is among the fields of new ones."""

        def make(stored: Json, fields: Json) -> Json:
            return {"active": True, **drop_nulls(stored | fields)}

        return make


def match_site(site: Json) -> Condition:
    """The equipments of a site."""
    return equal("application", site["application"]) & equal("site", site["_id"])
