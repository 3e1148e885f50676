"""Request and answer models of applications."""

from typing import ClassVar

from pydantic import Field

from okube_api.kit.application import ApplicationSettings
from okube_api.kit.list_query import PageQuery
from okube_api.kit.schemas import UNSET, Answer, Currency, Identifier, Instant, Key, Text, Timezone, UpdateBody
from okube_api.store.conditions import EVERYTHING, Condition, Contains
from okube_api.store.values import Json


def merge_settings(settings: Json, changes: Json) -> Json:
    """Return settings with the changes applied, at any depth."""
    merged = {
        name: merge_settings(settings[name], value) if isinstance(value, dict) and name in settings else value
        for name, value in changes.items()
    }
    return settings | merged


def find_settings_changes(settings: Json, changes: Json) -> Json:
    """Return the changes whose values differ from those of complete settings, at any depth."""
    differing = {
        name: find_settings_changes(settings[name], value) if isinstance(value, dict) else value
        for name, value in changes.items()
        if value != settings[name]
    }
    return {name: value for name, value in differing.items() if value != {}}


_DEFAULTS = ApplicationSettings().model_dump(by_alias=True)


class ApplicationUpdate(UpdateBody):
    """The fields of an application to change; settings are merged into the stored ones."""

    read_only: ClassVar[frozenset[str]] = frozenset({"_id", "createdAt", "updatedAt"})

    key: Key = UNSET
    name: Text = UNSET
    timezone: Timezone = UNSET
    currency: Currency = UNSET
    active: bool = UNSET
    settings: ApplicationSettings = UNSET

    def list_changes(self, answer: Json) -> Json:
        """Return the fields, and the settings within `settings`, that change.  Raise BadRequest."""
        changes = super().list_changes(answer)
        if "settings" in changes:
            changes["settings"] = find_settings_changes(answer["settings"], changes["settings"])
        return changes


class ApplicationCreate(ApplicationUpdate):
    """A new application; only its key is required."""

    read_only: ClassVar[frozenset[str]] = frozenset()

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
        """Return the fields of an application, with the defaults of the settings that it does not set."""
        return super().render(document) | {"settings": merge_settings(_DEFAULTS, document["settings"])}


class ApplicationQuery(PageQuery):
    """The filters of a list of applications."""

    q: Text = Field(UNSET, description="A text to search for in keys and names.")

    def to_condition(self) -> Condition:
        """Return the condition that an application is in the list."""
        return Contains(self.q) if self.q else EVERYTHING
