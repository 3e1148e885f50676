"""Levers, the kinds of campaigns: each campaign has the first whose match holds, else the application's `other`."""

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
)

OTHER = "other"
MATCH_FIELDS = ("format", "provider", "agency")
"""The fields of campaigns that levers look at."""

_FIRST_POSITION = 1
_TOGETHER = 50  # kinds of campaigns that one update names

LeverTraits = tuple[str | None, ...]
"""What a campaign has in the fields of `MATCHED`."""


@dataclass(frozen=True, slots=True)
class LeverRules:
    """The levers of an application in order, and which of them a campaign has; `other` is the last."""

    levers: tuple[Json, ...]

    def lever_fields(self, campaign: Json) -> Json:
        """The lever of a campaign, as its document holds it."""
        traits = tuple(campaign.get(name) for name in MATCH_FIELDS)
        return copy_lever_fields(next((lever for lever in self.levers if is_match(lever, traits)), self.levers[-1]))


def is_match(lever: Json, traits: LeverTraits) -> bool:
    """Whether each field that a lever's match names has one of its values; without a match, none does."""
    match = lever.get("match") or {}
    return bool(match) and all(
        value in match[name] for name, value in zip(MATCH_FIELDS, traits, strict=True) if name in match
    )


def copy_lever_fields(lever: Json) -> Json:
    """What campaigns keep of their lever."""
    return {
        "lever": lever["_id"],
        "_cachedLeverName": lever.get("name") or lever["key"],
        "_cachedLeverTrigger": lever["trigger"],
    }


class LeverRepository(Repository):
    """The levers of every application; campaigns follow each change of them."""

    collection = LEVERS
    kind = "lever"

    def __init__(self, store: Store, clock: Clock, campaigns: Collection) -> None:
        super().__init__(store, clock)
        self._campaigns = campaigns

    async def load_rules(self, application: str) -> LeverRules:
        """The levers of an application.  Its `other` is made when it is first asked for."""
        mine = equal("application", application)
        found = await self.store.find(self.collection, mine, sort=(SortKey("position"),))
        other = next((lever for lever in found if lever["key"] == OTHER), None) or await self._other(application)
        return LeverRules((*(lever for lever in found if lever["key"] != OTHER), other))

    async def _other(self, application: str) -> Json:
        other = self.build_document(application, {"key": OTHER, "name": "Other", "trigger": False})
        try:
            await self.insert([other])
        except Taken:
            return await self.get(application, OTHER)
        return other

    async def create(self, application: str, fields: Json) -> Json:
        """A new lever, the last when no position is given.  Raises Taken."""
        rule = await self.load_rules(application)
        last = max((lever["position"] for lever in rule.levers[:-1]), default=_FIRST_POSITION - 1)
        defaults = {"trigger": False, "position": last + 1}
        lever = self.build_document(
            application, defaults | {name: value for name, value in fields.items() if value is not None}
        )
        await self.insert([lever])
        await self.reassign_campaigns(application)
        return lever

    async def update(self, lever: Json, fields: Json, precondition: Precondition | None = None) -> Json:
        """The lever with these fields changed.  Raises as `change`, and Impossible for what makes `other` so."""

        async def edit(stored: Json) -> Json:
            if stored["key"] == OTHER:
                _check_other(fields)
            return {name: value for name, value in (stored | fields).items() if value is not None}

        changed = await self.change(lever, edit, precondition)
        await self.reassign_campaigns(lever["application"])
        return changed

    async def remove(self, document: Json, precondition: Precondition | None = None) -> None:
        """Takes a lever away; its campaigns get the next that fits.  Raises Impossible for `other`."""
        if document["key"] == OTHER:
            raise Impossible("The lever 'other' stays: it is for the campaigns that no other lever matches.")
        await super().remove(document, precondition)
        await self.reassign_campaigns(document["application"])

    async def reassign_campaigns(self, application: str) -> None:
        """Gives each campaign of the application the lever that it should have.

        A lever depends on nothing but a campaign's traits: campaigns are updated by their traits, in one step each, so
        that a campaign whose traits change meanwhile is left to the one who changes it.
        """
        rule = await self.load_rules(application)
        mine = equal("application", application)
        wrong: dict[tuple[tuple[str, object], ...], set[LeverTraits]] = {}
        async for block in self.store.stream(self._campaigns, mine):
            for campaign in block:
                right = rule.lever_fields(campaign)
                if any(campaign.get(name) != value for name, value in right.items()):
                    traits = tuple(campaign.get(name) for name in MATCH_FIELDS)
                    wrong.setdefault(tuple(right.items()), set()).add(traits)
        for right_items, kinds in wrong.items():
            every = list(kinds)
            for at in range(0, len(every), _TOGETHER):
                having = mine & _having(every[at : at + _TOGETHER])
                await self.store.update(self._campaigns, having, dict(right_items))


def _having(kinds: Sequence[LeverTraits]) -> Condition:
    """The campaigns with any of these traits."""
    found: Condition = NOTHING
    for traits in kinds:
        each = [
            Missing(name) if value is None else equal(name, value)
            for name, value in zip(MATCH_FIELDS, traits, strict=True)
        ]
        found |= each[0] & each[1] & each[2]
    return found


def _check_other(fields: Json) -> None:
    for name in ("key", "match", "position"):
        if fields.get(name) not in (None, OTHER):
            raise Impossible.at("body", f"/{name}", f"The lever 'other' keeps its place: '{name}' cannot be changed.")
