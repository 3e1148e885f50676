"""The campaigns and levers of a truth as documents."""

from collections.abc import Callable
from datetime import date
from typing import Any

from okube_api.store.values import Json

from tests.by_hand.truth import Campaign, Cost, Truth

BuildDocument = Callable[..., Json]


def key_campaigns(truth: Truth) -> dict[str, str]:
    """Return the keys of campaigns and levers by id."""
    levers = {campaign.lever: f"lever {campaign.lever[-4:]}" for campaign in truth.campaigns}
    return {campaign.id: campaign.key for campaign in truth.campaigns} | levers


def build_levers(truth: Truth, build_document: BuildDocument) -> list[Json]:
    """Return the documents of the levers of campaigns."""
    keys = key_campaigns(truth)
    levers = sorted({campaign.lever for campaign in truth.campaigns})
    return [build_document(lever, keys[lever], name=keys[lever]) for lever in levers]


def build_campaigns(truth: Truth, build_document: BuildDocument) -> list[Json]:
    """Return the documents of campaigns; a campaign without sites is global."""
    return [
        build_document(
            campaign.id,
            campaign.key,
            name=campaign.name,
            lever=campaign.lever,
            extra=dict(extra.split(":") for extra in sorted(campaign.extras)),
            costs=[_build_cost(cost) for cost in campaign.costs],
            **_period_fields(campaign),
            **({"sites": list(campaign.sites)} if campaign.sites else {}),
            **({"windows": dict(campaign.windows)} if campaign.windows else {}),
        )
        for campaign in truth.campaigns
    ]


def _build_cost(cost: Cost) -> Json:
    return {"type": cost.kind, "amount": float(cost.amount), "currency": "EUR", **_period_fields(cost)}


def _period_fields(owner: Campaign | Cost) -> dict[str, Any]:
    sides: tuple[tuple[str, date | None], ...] = (("from", owner.first), ("to", owner.last))
    return {side: day.isoformat() for side, day in sides if day}
