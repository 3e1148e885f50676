"""Levers, the kinds of campaigns: each campaign has the first whose match holds, else the application's `other`."""

from collections.abc import Sequence
from dataclasses import dataclass

from okube_api.clock import Clock
from okube_api.errors import Impossible, Taken
from okube_api.kit.repository import Allowed, Resources
from okube_api.store.base import (
    NOTHING,
    Collection,
    Condition,
    Json,
    Kind,
    Missing,
    Order,
    Store,
    equal,
)

LEVERS = Collection(
    "levers",
    fields={
        "version": Kind.INTEGER,
        "application": Kind.TEXT,
        "key": Kind.TEXT,
        "trigger": Kind.BOOLEAN,
        "position": Kind.INTEGER,
    },
    unique=(("application", "key"),),
    search=("name", "key"),
)

OTHER = "other"
MATCHED = ("format", "provider", "agency")
"""The fields of campaigns that levers look at."""

_FIRST_POSITION = 1
_TOGETHER = 50  # kinds of campaigns that one update names

Traits = tuple[str | None, ...]
"""What a campaign has in the fields of `MATCHED`."""


@dataclass(frozen=True, slots=True)
class LeverRule:
    """The levers of an application in order, and which of them a campaign has; `other` is the last."""

    levers: tuple[Json, ...]

    def fields(self, campaign: Json) -> Json:
        """The lever of a campaign, as its document holds it."""
        traits = tuple(campaign.get(name) for name in MATCHED)
        return cached(next((lever for lever in self.levers if holds(lever, traits)), self.levers[-1]))


def holds(lever: Json, traits: Traits) -> bool:
    """Whether each field that a lever's match names has one of its values; without a match, none does."""
    match = lever.get("match") or {}
    return bool(match) and all(
        value in match[name] for name, value in zip(MATCHED, traits, strict=True) if name in match
    )


def cached(lever: Json) -> Json:
    """What campaigns keep of their lever."""
    return {
        "lever": lever["_id"],
        "_cachedLeverName": lever.get("name") or lever["key"],
        "_cachedLeverTrigger": lever["trigger"],
    }


class Levers(Resources):
    """The levers of every application; campaigns follow each change of them."""

    collection = LEVERS
    kind = "lever"

    def __init__(self, store: Store, clock: Clock, campaigns: Collection) -> None:
        super().__init__(store, clock)
        self._campaigns = campaigns

    async def rule(self, application: str) -> LeverRule:
        """The levers of an application.  Its `other` is made when it is first asked for."""
        mine = equal("application", application)
        found = await self.store.find(self.collection, mine, sort=(Order("position"),))
        other = next((lever for lever in found if lever["key"] == OTHER), None) or await self._other(application)
        return LeverRule((*(lever for lever in found if lever["key"] != OTHER), other))

    async def _other(self, application: str) -> Json:
        other = self.new(application, {"key": OTHER, "name": "Other", "trigger": False})
        try:
            await self.insert([other])
        except Taken:
            return await self.get(application, OTHER)
        return other

    async def create(self, application: str, fields: Json) -> Json:
        """A new lever, the last when no position is given.  Raises Taken."""
        rule = await self.rule(application)
        last = max((lever["position"] for lever in rule.levers[:-1]), default=_FIRST_POSITION - 1)
        defaults = {"trigger": False, "position": last + 1}
        lever = self.new(application, defaults | {name: value for name, value in fields.items() if value is not None})
        await self.insert([lever])
        await self.follow(application)
        return lever

    async def update(self, lever: Json, fields: Json, allowed: Allowed | None = None) -> Json:
        """The lever with these fields changed.  Raises as `change`, and Impossible for what makes `other` so."""

        async def edit(stored: Json) -> Json:
            if stored["key"] == OTHER:
                _check_other(fields)
            return {name: value for name, value in (stored | fields).items() if value is not None}

        changed = await self.change(lever, edit, allowed)
        await self.follow(lever["application"])
        return changed

    async def remove(self, document: Json, allowed: Allowed | None = None) -> None:
        """Takes a lever away; its campaigns get the next that fits.  Raises Impossible for `other`."""
        if document["key"] == OTHER:
            raise Impossible("The lever 'other' stays: it is for the campaigns that no other lever matches.")
        await super().remove(document, allowed)
        await self.follow(document["application"])

    async def follow(self, application: str) -> None:
        """Gives each campaign of the application the lever that it should have.

        A lever depends on nothing but a campaign's traits: campaigns are updated by their traits, in one step each, so
        that a campaign whose traits change meanwhile is left to the one who changes it.
        """
        rule = await self.rule(application)
        mine = equal("application", application)
        wrong: dict[tuple[tuple[str, object], ...], set[Traits]] = {}
        async for block in self.store.stream(self._campaigns, mine):
            for campaign in block:
                right = rule.fields(campaign)
                if any(campaign.get(name) != value for name, value in right.items()):
                    traits = tuple(campaign.get(name) for name in MATCHED)
                    wrong.setdefault(tuple(right.items()), set()).add(traits)
        for right_items, kinds in wrong.items():
            every = list(kinds)
            for at in range(0, len(every), _TOGETHER):
                having = mine & _having(every[at : at + _TOGETHER])
                await self.store.update(self._campaigns, having, dict(right_items))


def _having(kinds: Sequence[Traits]) -> Condition:
    """The campaigns with any of these traits."""
    found: Condition = NOTHING
    for traits in kinds:
        each = [
            Missing(name) if value is None else equal(name, value) for name, value in zip(MATCHED, traits, strict=True)
        ]
        found |= each[0] & each[1] & each[2]
    return found


def _check_other(fields: Json) -> None:
    for name in ("key", "match", "position"):
        if fields.get(name) not in (None, OTHER):
            raise Impossible.at("body", f"/{name}", f"The lever 'other' keeps its place: '{name}' cannot be changed.")
