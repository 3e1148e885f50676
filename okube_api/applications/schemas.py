"""Request and answer models of applications."""

from typing import ClassVar

from pydantic import Field

from okube_api.errors import Impossible
from okube_api.kit.application import ApplicationSettings
from okube_api.kit.list_query import PageQuery
from okube_api.kit.schemas import UNSET, Answer, Currency, Identifier, Instant, Key, Text, Timezone, UpdateBody
from okube_api.store.conditions import EVERYTHING, Condition, Contains
from okube_api.store.values import Json


def change_settings(settings: Json, changes: Json) -> Json:
    """Return stored settings with the changes applied, at any depth.

    A calendar of months replaces one of weeks, and the other way round.
    Raise Impossible when the resulting calendar lacks a part.
    """
    changed = merge_settings(settings, changes)
    if "calendar" in changes:
        changed["calendar"] = _change_calendar(changed["calendar"], changes["calendar"])
    return changed


def merge_settings(settings: Json, changes: Json) -> Json:
    """Return settings with the changes applied, at any depth."""
    merged = {
        name: merge_settings(settings[name], value) if isinstance(value, dict) and name in settings else value
        for name, value in changes.items()
    }
    return settings | merged


def _change_calendar(merged: Json, changes: Json) -> Json:
    """Return a merged calendar without nulls, and without what a change of its kind replaces.  Raise Impossible."""
    replaced: set[str] = set()
    if changes.get("retail") is not None:
        replaced = {"fiscalYearStart"}
    elif changes.get("fiscalYearStart") is not None or "retail" in changes:  # null: there is no retail calendar
        replaced = {"retail"} if changes.get("yearEnds") else {"retail", "yearEnds"}
    calendar = {name: value for name, value in merged.items() if value is not None and name not in replaced}
    pointer = "/settings/calendar/yearEnds"
    if "retail" in calendar and "yearEnds" not in calendar:
        message = "A retail calendar needs 'yearEnds', such as 'saturday nearest 31 January'."
        raise Impossible.at("body", pointer, message)
    if "yearEnds" in calendar and "retail" not in calendar:
        message = "'yearEnds' needs a retail calendar. Set 'retail', too, to '4-5-4', '4-4-5' or '5-4-4'."
        raise Impossible.at("body", pointer, message)
    return calendar


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
