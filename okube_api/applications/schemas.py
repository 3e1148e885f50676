"""Applications as requests and answers have them, and their settings with their defaults."""

from pydantic import Field

from okube_api.kit.application import ApplicationSettings
from okube_api.kit.list_query import PageQuery
from okube_api.kit.schemas import UNSET, Answer, Body, Currency, Identifier, Instant, Key, Text, Timezone
from okube_api.store.conditions import EVERYTHING, Condition, Contains
from okube_api.store.values import Json


def merge_settings(settings: Json, changes: Json) -> Json:
    """Settings with the named ones changed, however deep they are."""
    both = {
        name: merge_settings(settings[name], value) if isinstance(value, dict) and name in settings else value
        for name, value in changes.items()
    }
    return settings | both


_DEFAULTS = ApplicationSettings().model_dump(by_alias=True)


class ApplicationUpdate(Body):
    """What may be changed of an application; its settings are merged."""

    key: Key = UNSET
    name: Text = UNSET
    timezone: Timezone = UNSET
    currency: Currency = UNSET
    active: bool = UNSET
    settings: ApplicationSettings = UNSET


class ApplicationCreate(ApplicationUpdate):
    """A new application; only its key is required."""

    key: Key


class ApplicationAnswer(Answer):
    """An application."""

    id: Identifier = Field(alias="_id")
    key: str
    name: str
    timezone: str
    currency: str
    active: bool
    settings: ApplicationSettings
    created_at: Instant = Field(alias="createdAt")
    updated_at: Instant = Field(alias="updatedAt")

    @classmethod
    def render(cls, document: Json) -> Json:
        """What callers see: the settings that hold, also where the application has set none."""
        return super().render(document) | {"settings": merge_settings(_DEFAULTS, document["settings"])}


class ApplicationQuery(PageQuery):
    """What a list of applications can be narrowed by."""

    q: Text = Field(UNSET, description="A text in the key or name.")

    def to_condition(self) -> Condition:
        """The applications wanted."""
        return Contains(self.q) if self.q else EVERYTHING
