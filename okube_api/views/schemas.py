"""Request and answer models of views."""

from typing import Annotated, ClassVar

from pydantic import Field

from okube_api.kit.list_query import PageQuery, match_flag
from okube_api.kit.schemas import KEY_PATTERN, UNSET, Answer, Identifier, Instant, Text, UpdateBody
from okube_api.kit.switches import Flag
from okube_api.store.conditions import EVERYTHING, Condition, Contains

ViewName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=250,
        pattern=KEY_PATTERN,
        description="Name of the view; several views may have the same one.",
        examples=["Monday morning"],
    ),
]
PagePath = Annotated[
    str,
    Field(
        max_length=250,
        pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$",
        description="The page, as in the URL after `/a/{application}/`, such as `overview` or `manage/sites`.",
        examples=["overview"],
    ),
]
QueryString = Annotated[
    str,
    Field(
        max_length=8000,
        pattern=r"^([^?#\u0000-\u001f\u007f-\u009f][^#\u0000-\u001f\u007f-\u009f]*)?$",
        description="The query string of the page's URL, without the `?` in front of it.",
        examples=["period=last-week&compare=previousYearSameWeekday"],
    ),
]
_SHARED = "Whether everybody in the application sees the view; this requires the role `editor`."


class ViewUpdate(UpdateBody):
    """The fields of a view to change."""

    read_only: ClassVar[frozenset[str]] = frozenset({"_id", "application", "owner", "createdAt", "updatedAt"})

    name: ViewName = UNSET
    path: PagePath = UNSET
    query: QueryString = UNSET
    shared: bool = Field(UNSET, description=_SHARED)


class ViewCreate(ViewUpdate):
    """A new view; only its name and its path are required."""

    read_only: ClassVar[frozenset[str]] = frozenset()

    name: ViewName
    path: PagePath


class ViewOwner(Answer):
    """The user who saved a view."""

    id: Identifier = Field(alias="_id")
    name: str = Field(examples=["jeanne"])


class ViewAnswer(Answer):
    """A view: a page of the explorer with its query string, saved by name."""

    id: Identifier = Field(alias="_id")
    application: Identifier
    name: ViewName
    path: PagePath
    query: QueryString
    shared: bool = Field(description=_SHARED)
    owner: ViewOwner = Field(description="The user who saved the view.")
    created_at: Instant = Field(alias="createdAt")
    updated_at: Instant = Field(alias="updatedAt")


class ViewQuery(PageQuery):
    """The filters of a list of views."""

    q: Text = Field(UNSET, description="A text to search for in names.")
    shared: Flag = Field(UNSET, description="Only shared views (`true`), or only your own that are not (`false`).")

    def to_condition(self) -> Condition:
        """Return the condition that a view is in the list, among those that the user may see."""
        return (Contains(self.q) if self.q else EVERYTHING) & match_flag("shared", self.shared)
