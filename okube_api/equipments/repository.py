"""Stores equipments: the sensors of sites."""

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
    has_revision=True,
)


class EquipmentRepository(ValidatedRepository):
    """Stores the equipments of all sites; their keys are unique in the application."""

    collection = EQUIPMENTS
    kind = "equipment"

    async def load_normalizer(self, application: Application, updates: Updates) -> Normalize:  # noqa: ARG002 - nothing to look up
        """Return the normaliser of equipments; the fields of a new one contain its `site`."""

        def normalize(stored: Json, fields: Json) -> Json:
            return {"active": True, **drop_nulls(stored | fields)}

        return normalize


def match_site(site: Json) -> Condition:
    """Return the condition that an equipment belongs to a site."""
    return equal("application", site["application"]) & equal("site", site["_id"])
