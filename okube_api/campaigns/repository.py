"""Stores campaigns, with the lever and the flags that follow from their fields."""

from collections.abc import Mapping, Sequence
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
        "extraNames": ColumnType.TEXT,  # the names of all extras, one per line
    },
    unique=(("application", "key"),),
    search=("name", "key", "_cachedLeverName", "tags", "provider", "agency", "format"),
    has_revision=True,
)

__all__ = ["CAMPAIGNS", "LEVERS", "CampaignRepository"]

DECLARED, COMPUTED, COSTS = 1, 2, 4
"""The bits of `flag`."""

Period = tuple[str, str]


class CampaignRepository(ValidatedRepository):
    """Stores the campaigns of all applications."""

    collection = CAMPAIGNS
    kind = "campaign"
    watched_fields: ClassVar[WatchedFields] = {ChangeKind.WINDOWS: ("windows",)}
    name_fields: ClassVar[Mapping[str, str]] = {"extra": "extraNames"}

    def __init__(
        self, store: Store, clock: Clock, changes: ChangePublisher, sites: Repository, levers: LeverRepository
    ) -> None:
        super().__init__(store, clock, changes)
        self._sites, self._levers = sites, levers

    async def load_normalizer(self, application: Application, updates: Updates) -> Normalize:
        """Return the normaliser of these campaigns, with the sites that they name and the application's levers."""
        resolve_sites = await load_ids(self._sites, application.id, updates, "sites")
        rules = await self._levers.load_rules(application.id)

        def normalize(stored: Json, fields: Json) -> Json:
            return _normalize_campaign(stored, fields, application, resolve_sites, rules)

        return normalize

    async def create(self, application: Application, fields: Json) -> Json:
        """Insert a new campaign and return it.  Raise Taken, UnknownReference and Impossible."""
        return await self._refresh_lever(application, await super().create(application, fields))

    async def update(
        self, application: Application, document: Json, fields: Json, precondition: Precondition | None = None
    ) -> Json:
        """Change these fields of a campaign and return it.  Raise as `create` and `change` do."""
        campaign = await super().update(application, document, fields, precondition)
        return await self._refresh_lever(application, campaign)

    async def _refresh_lever(self, application: Application, campaign: Json) -> Json:
        """Write a campaign again when the levers have changed while it was written; return it."""
        rules = await self._levers.load_rules(application.id)
        if all(campaign.get(name) == value for name, value in rules.lever_fields(campaign).items()):
            return campaign
        return await super().update(application, campaign, {})

    async def set_computed_periods(self, application: str, periods: Mapping[str, Period | None]) -> None:
        """Store the first and last day with data of campaigns, by id; None for a campaign without data.

        Days are `YYYY-MM-DD`.  Ids of campaigns that do not exist are ignored.
        """
        where = equal("application", application) & OneOf("_id", tuple(periods))
        for campaign in await self.store.find(self.collection, where):
            first, last = periods[campaign["_id"]] or (None, None)
            if (campaign.get("computedFrom"), campaign.get("computedTo")) != (first, last):

                async def edit(stored: Json, first: str | None = first, last: str | None = last) -> Json:
                    return _set_flag(drop_nulls(stored | {"computedFrom": first, "computedTo": last}))

                await self.change(campaign, edit)


def _normalize_campaign(
    stored: Json, fields: Json, application: Application, resolve_sites: ResolveIds, rules: LeverRules
) -> Json:
    """Return the campaign to store, with its lever, flags and terms.  Raise UnknownReference and Impossible."""
    if fields.get("sites") is not None:
        fields = fields | {"sites": resolve_sites(fields["sites"], "/sites")}
    if fields.get("costs") is not None:
        costs = [_normalize_cost(cost, index, application) for index, cost in enumerate(fields["costs"])]
        fields = fields | {"costs": costs}
    campaign = drop_nulls(stored | fields)
    _check_days(campaign, "")
    _check_fixed_costs(campaign, stored.get("costs") or ())
    extra = campaign.get("extra")
    terms = {"extraTerms": list_extra_terms(extra), "extraNames": join_names(extra)} if extra else {}
    campaign = {name: value for name, value in campaign.items() if name not in ("extraTerms", "extraNames")}
    return _set_flag(campaign | terms | rules.lever_fields(campaign) | {"global": "sites" not in campaign})


def _normalize_cost(cost: Json, index: int, application: Application) -> Json:
    _check_days(cost, f"/costs/{index}")
    return {"currency": application.currency, **cost}


def _check_days(period: Json, pointer: str) -> None:
    if (period.get("from") or "") > (period.get("to") or "9999-99-99"):
        raise Impossible.at("body", f"{pointer}/to", "'to' must not be before 'from'.")


def _check_fixed_costs(campaign: Json, stored_costs: Sequence[Json]) -> None:
    """Refuse new fixed costs without days: they could not be spread.  Raise Impossible."""
    for index, cost in enumerate(campaign.get("costs") or ()):
        days = [cost.get(side) or campaign.get(side) for side in ("from", "to")]
        if cost["type"] == "fixed" and None in days and cost not in stored_costs:
            side = "from" if days[0] is None else "to"
            message = f"A fixed cost needs both days: set '{side}' of the cost or of the campaign."
            raise Impossible.at("body", f"/costs/{index}/{side}", message)


def _set_flag(campaign: Json) -> Json:
    is_declared = "from" in campaign or "to" in campaign
    flag = is_declared * DECLARED + ("computedFrom" in campaign) * COMPUTED + bool(campaign.get("costs")) * COSTS
    return campaign | {"flag": flag}


def list_extra_terms(extra: Mapping[str, Any]) -> list[str]:
    """Return the terms that find a campaign by its extras: each name, and each `name:value`."""
    return sorted({*extra, *format_extras(extra)})
