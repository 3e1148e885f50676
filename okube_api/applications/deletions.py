"""Records of deleted applications, for as long as something may be left of them or may be written to them."""

from okube_api.errors import NotFound
from okube_api.store.conditions import equal
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection, ColumnType

DELETIONS = Collection(
    "application_deletions",
    fields={
        "dueAt": ColumnType.TEXT,  # when the next pass of the removal begins
        "passes": ColumnType.INTEGER,  # how many are done
    },
    has_revision=True,
)
"""One document per deleted application, whose `_id` is the application's; see `api/application_deletion.py`."""


async def require_not_deleted(store: Store, application: str) -> None:
    """Raise NotFound when the application with this id was deleted."""
    if await store.get(DELETIONS, equal("_id", application)) is not None:
        raise NotFound("application", application)
