"""Stores levers (marketing channels) and assigns them to campaigns.

A campaign has the first lever, by position, that matches it, or else the application's lever `other`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from okube_api.clock import Clock
from okube_api.errors import Impossible, Taken
from okube_api.kit.repository import Precondition, Repository
from okube_api.store.conditions import NOTHING, Condition, Missing, equal
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection, ColumnType, SortKey
from okube_api.store.values import Json

LEVERS = Collection(
    "levers",
    fields={
        "version": ColumnType.INTEGER,
        "application": ColumnType.TEXT,
        "key": ColumnType.TEXT,
        "trigger": ColumnType.BOOLEAN,
        "position": ColumnType.INTEGER,
    },
    unique=(("application", "key"),),
    search=("name", "key"),
    has_revision=True,
)

OTHER = "other"
MATCH_FIELDS = ("format", "provider", "agency")
"""The fields of campaigns that a lever can match."""

_FIRST_POSITION = 1
_TRAITS_PER_UPDATE = 50

LeverTraits = tuple[str | None, ...]
"""The values that a campaign has in the `MATCH_FIELDS`."""


@dataclass(frozen=True, slots=True)
class LeverRules:
    """The levers of an application by position; the last one is `other`."""

    levers: tuple[Json, ...]

    def lever_fields(self, campaign: Json) -> Json:
        """Return the fields that a campaign stores of its lever."""
        traits = _get_traits(campaign)
        return copy_lever_fields(next((lever for lever in self.levers if is_match(lever, traits)), self.levers[-1]))


def is_match(lever: Json, traits: LeverTraits) -> bool:
    """Return whether every field in the lever's match has a listed value; a lever without a match matches nothing."""
    match = lever.get("match") or {}
    return bool(match) and all(
        value in match[name] for name, value in zip(MATCH_FIELDS, traits, strict=True) if name in match
    )


def copy_lever_fields(lever: Json) -> Json:
    """Return the fields of a lever that campaigns store a copy of."""
    return {
        "lever": lever["_id"],
        "_cachedLeverName": lever.get("name") or lever["key"],
        "_cachedLeverTrigger": lever["trigger"],
    }


class LeverRepository(Repository):
    """Stores the levers of all applications, and reassigns the campaigns after each change."""

    collection = LEVERS
    kind = "lever"

    def __init__(self, store: Store, clock: Clock, campaigns: Collection) -> None:
        super().__init__(store, clock)
        self._campaigns = campaigns

    async def load_rules(self, application: str) -> LeverRules:
        """Return the levers of an application.  Create its lever `other` when it is missing."""
        where = equal("application", application)
        levers = await self.store.find(self.collection, where, sort=(SortKey("position"),))
        other = next((lever for lever in levers if lever["key"] == OTHER), None) or await self._create_other(
            application
        )
        return LeverRules((*(lever for lever in levers if lever["key"] != OTHER), other))

    async def _create_other(self, application: str) -> Json:
        other = self.build_document(application, {"key": OTHER, "name": "Other", "trigger": False}, index=-1)
        try:
            await self.insert([other])
        except Taken:
            return await self.get(application, OTHER)
        return other

    async def create(self, application: str, fields: Json) -> Json:
        """Insert a new lever and return it; without a position it is the last.  Raise Taken."""
        if (created := await self.find_created()) is not None:
            await self.reassign_campaigns(application)
            return created
        defaults = {"trigger": False, "position": await self._next_position(application)}
        lever = self.build_document(
            application, defaults | {name: value for name, value in fields.items() if value is not None}
        )
        await self.insert([lever])
        await self.reassign_campaigns(application)
        return lever

    async def _next_position(self, application: str) -> int:
        rules = await self.load_rules(application)
        return max((lever["position"] for lever in rules.levers[:-1]), default=_FIRST_POSITION - 1) + 1

    async def update(self, lever: Json, fields: Json, precondition: Precondition | None = None) -> Json:
        """Change these fields of a lever and return it.

        Raise as `change` does, and Impossible for a change of the key, match or position of `other`.
        """

        async def edit(stored: Json) -> Json:
            if stored["key"] == OTHER:
                _check_other(fields)
            return {name: value for name, value in (stored | fields).items() if value is not None}

        if lever["key"] != OTHER and fields.get("position", 0) is None:
            fields = fields | {"position": await self._next_position(lever["application"])}

        changed = await self.change(lever, edit, precondition)
        await self.reassign_campaigns(lever["application"])
        return changed

    async def remove(self, document: Json, precondition: Precondition | None = None) -> None:
        """Delete a lever; its campaigns get the next lever that matches.  Raise Impossible for `other`."""
        if document["key"] == OTHER:
            raise Impossible("The lever 'other' cannot be deleted: campaigns that match no other lever need it.")
        await super().remove(document, precondition)
        await self.reassign_campaigns(document["application"])

    async def reassign_campaigns(self, application: str) -> None:
        """Set the lever of each campaign of the application by the current levers.

        The lever depends on the traits of a campaign only.  Campaigns are therefore updated by their traits, in one
        atomic step: a campaign whose traits change in between is left to the request that changes them.
        """
        rules = await self.load_rules(application)
        where = equal("application", application)
        outdated: dict[tuple[tuple[str, object], ...], set[LeverTraits]] = {}
        async for block in self.store.stream(self._campaigns, where):
            for campaign in block:
                fields = rules.lever_fields(campaign)
                if any(campaign.get(name) != value for name, value in fields.items()):
                    outdated.setdefault(tuple(fields.items()), set()).add(_get_traits(campaign))
        for fields_items, all_traits in outdated.items():
            ordered = list(all_traits)
            for start in range(0, len(ordered), _TRAITS_PER_UPDATE):
                has_traits = _match_traits(ordered[start : start + _TRAITS_PER_UPDATE])
                await self.store.update(self._campaigns, where & has_traits, dict(fields_items))


def _get_traits(campaign: Json) -> LeverTraits:
    return tuple(campaign.get(name) for name in MATCH_FIELDS)


def _match_traits(all_traits: Sequence[LeverTraits]) -> Condition:
    """Return the condition that a campaign has any of these traits."""
    condition: Condition = NOTHING
    for traits in all_traits:
        fields = [
            Missing(name) if value is None else equal(name, value)
            for name, value in zip(MATCH_FIELDS, traits, strict=True)
        ]
        condition |= fields[0] & fields[1] & fields[2]
    return condition


def _check_other(fields: Json) -> None:
    for name in ("key", "match", "position"):
        if fields.get(name) not in (None, OTHER):
            raise Impossible.at("body", f"/{name}", f"The '{name}' of the lever 'other' cannot be changed.")
