"""Stores views: pages of the explorer that users have saved by name."""

from okube_api.errors import Impossible, NotFound
from okube_api.kit.repository import Precondition, Repository
from okube_api.store.conditions import Condition, equal
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json

VIEWS = Collection(
    "views",
    fields={
        "version": ColumnType.INTEGER,
        "application": ColumnType.TEXT,
        "owner": ColumnType.TEXT,  # the id of the user
        "shared": ColumnType.BOOLEAN,
    },
    search=("name",),
)

MAX_VIEWS = 1000
"""Of one user in one application."""


class ViewRepository(Repository):
    """Stores the views of all users; a view that is not shared is visible to its owner only."""

    collection = VIEWS
    kind = "view"

    async def get_visible(self, application: str, user: str, identifier: str) -> Json:
        """Return a view that the user (an id) sees in the application.  Raise NotFound for any other."""
        view = await self.get_by_id(identifier)
        if view["application"] != application or not (view["shared"] or view["owner"] == user):
            raise NotFound(self.kind, identifier)
        return view

    async def create(self, application: str, owner: str, fields: Json) -> Json:
        """Insert a new view of a user and return it.  Raise Impossible when the user has `MAX_VIEWS` already."""
        if (created := await self.find_created()) is not None:
            return created
        if await self.store.count(VIEWS, _match_owner(application, owner)) >= MAX_VIEWS:
            message = f"You have {MAX_VIEWS:,} views in this application, the most that are allowed. Delete some."
            raise Impossible.at("body", "", message)
        document = self.build_document(application, {"query": "", "shared": False, **fields, "owner": owner})
        await self.insert([document])
        return document

    async def update(self, view: Json, fields: Json, precondition: Precondition | None = None) -> Json:
        """Change these fields of a view and return it.  Raise PreconditionFailed."""

        async def edit(stored: Json) -> Json:
            return stored | fields

        return await self.change(view, edit, precondition)

    async def delete_unshared(self, application: str, owner: str) -> None:
        """Delete the views of a user that nobody else sees."""
        await self.store.delete(VIEWS, _match_owner(application, owner) & equal("shared", False))


def match_visible(application: str, user: str) -> Condition:
    """Return the condition that a user (an id) sees a view of the application: an own or a shared one."""
    return equal("application", application) & (equal("shared", True) | equal("owner", user))


def _match_owner(application: str, owner: str) -> Condition:
    return equal("application", application) & equal("owner", owner)
