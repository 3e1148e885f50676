"""Campaigns in the store."""

from collections.abc import Mapping
from typing import Any, ClassVar

from okube_api.campaigns.extras import format_extras
from okube_api.campaigns.levers import LEVERS, LeverRepository, LeverRules
from okube_api.clock import Clock
from okube_api.errors import Impossible
from okube_api.kit.application import Application
from okube_api.kit.repository import Precondition, Repository
from okube_api.kit.resource_changes import ChangeKind, ChangePublisher, WatchedFields
from okube_api.kit.validated_repository import (
    Normalize,
    ResolveIds,
    Updates,
    ValidatedRepository,
    drop_nulls,
    join_names,
    load_ids,
)
from okube_api.store.conditions import OneOf, equal
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json

CAMPAIGNS = Collection(
    "campaigns",
    fields={
        "version": ColumnType.INTEGER,
        "application": ColumnType.TEXT,
        "key": ColumnType.TEXT,
        "lever": ColumnType.TEXT,
        "_cachedLeverTrigger": ColumnType.BOOLEAN,
        "from": ColumnType.TEXT,
        "to": ColumnType.TEXT,
        "computedFrom": ColumnType.TEXT,
        "computedTo": ColumnType.TEXT,
        "global": ColumnType.BOOLEAN,  # whether it names no site
        "sites": ColumnType.TEXTS,
        "tags": ColumnType.TEXTS,
        "provider": ColumnType.TEXT,
        "agency": ColumnType.TEXT,
        "format": ColumnType.TEXT,
        "extraTerms": ColumnType.TEXTS,  # of each extra, `name` and `name:value`
        "extraNames": ColumnType.TEXT,  # the names of all extras, one a line
    },
    unique=(("application", "key"),),
    search=("name", "key", "_cachedLeverName", "tags", "provider", "agency", "format"),
)

__all__ = ["CAMPAIGNS", "LEVERS", "CampaignRepository"]

DECLARED, COMPUTED, COSTS = 1, 2, 4
"""The bits of `flag`."""

Period = tuple[str, str]


class CampaignRepository(ValidatedRepository):
    """The campaigns of every application."""

    collection = CAMPAIGNS
    kind = "campaign"
    watched_fields: ClassVar[WatchedFields] = {ChangeKind.WINDOWS: ("windows",)}
    name_fields: ClassVar[Mapping[str, str]] = {"extra": "extraNames"}

    def __init__(
        self, store: Store, clock: Clock, changes: ChangePublisher, sites: Repository, levers: LeverRepository
    ) -> None:
        super().__init__(store, clock, changes)
        self._sites, self._levers = sites, levers

    async def load_normalizer(self, application: Application, many: Updates) -> Normalize:
        """The rule for campaigns, with the sites that they name and the application's levers."""
        sites = await load_ids(self._sites, application.id, many, "sites")
        rule = await self._levers.load_rules(application.id)

        def make(stored: Json, fields: Json) -> Json:
            return _normalize_campaign(stored, fields, application, sites, rule)

        return make

    async def create(self, application: Application, fields: Json) -> Json:
        """A new campaign.  Raises Taken, UnknownReference and Impossible."""
        return await self._with_lever(application, await super().create(application, fields))

    async def update(
        self, application: Application, document: Json, fields: Json, precondition: Precondition | None = None
    ) -> Json:
        """The campaign with these fields changed.  Raises as `create` and `change` do."""
        return await self._with_lever(application, await super().update(application, document, fields, precondition))

    async def _with_lever(self, application: Application, campaign: Json) -> Json:
        """The campaign, once more, should levers have changed while it was written."""
        rule = await self._levers.load_rules(application.id)
        if all(campaign.get(name) == value for name, value in rule.lever_fields(campaign).items()):
            return campaign
        return await super().update(application, campaign, {})

    async def set_computed_periods(self, application: str, periods: Mapping[str, Period | None]) -> None:
        """Notes the first and last day with data of campaigns, by id; None for one that has none any more.

        Days are `YYYY-MM-DD`; campaigns that are gone do not matter.
        """
        mine = equal("application", application) & OneOf("_id", tuple(periods))
        for campaign in await self.store.find(self.collection, mine):
            first, last = periods[campaign["_id"]] or (None, None)
            if (campaign.get("computedFrom"), campaign.get("computedTo")) != (first, last):

                async def edit(stored: Json, first: str | None = first, last: str | None = last) -> Json:
                    return _flagged(drop_nulls(stored | {"computedFrom": first, "computedTo": last}))

                await self.change(campaign, edit)


def _normalize_campaign(
    stored: Json, fields: Json, application: Application, sites: ResolveIds, rule: LeverRules
) -> Json:
    """A campaign with fields changed, and what follows from them.  Raises UnknownReference and Impossible."""
    if fields.get("sites") is not None:
        fields = fields | {"sites": sites(fields["sites"], "/sites")}
    if fields.get("costs") is not None:
        fields = fields | {"costs": [_cost(cost, at, application) for at, cost in enumerate(fields["costs"])]}
    campaign = drop_nulls(stored | fields, objects=("windows",))
    _check_days(campaign, "")
    extra = campaign.get("extra")
    terms = {"extraTerms": list_extra_terms(extra), "extraNames": join_names(extra)} if extra else {}
    bare = {name: value for name, value in campaign.items() if name not in ("extraTerms", "extraNames")}
    return _flagged(bare | terms | rule.lever_fields(bare) | {"global": "sites" not in bare})


def _cost(cost: Json, at: int, application: Application) -> Json:
    _check_days(cost, f"/costs/{at}")
    return {"currency": application.currency} | {name: value for name, value in cost.items() if value is not None}


def _check_days(period: Json, pointer: str) -> None:
    if (period.get("from") or "") > (period.get("to") or "9999-99-99"):
        raise Impossible.at("body", f"{pointer}/to", "The last day comes before the first.")


def _flagged(campaign: Json) -> Json:
    declared = "from" in campaign or "to" in campaign
    flag = declared * DECLARED + ("computedFrom" in campaign) * COMPUTED + bool(campaign.get("costs")) * COSTS
    return campaign | {"flag": flag}


def list_extra_terms(extra: Mapping[str, Any]) -> list[str]:
    """What finds a campaign by its extras: each name, and each `name:value`."""
    return sorted({*extra, *format_extras(extra)})
