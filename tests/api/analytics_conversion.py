"""Campaigns and levers of a truth as documents."""

from collections.abc import Callable
from datetime import date
from typing import Any

from okube_api.store.values import Json

from tests.by_hand.truth import Campaign, Cost, Truth

Document = Callable[..., Json]


def campaign_names(truth: Truth) -> dict[str, str]:
    """The key of every campaign and lever, by id."""
    levers = {one.lever: f"lever {one.lever[-4:]}" for one in truth.campaigns}
    return {one.id: one.key for one in truth.campaigns} | levers


def lever_documents(truth: Truth, document: Document) -> list[Json]:
    """The levers that campaigns name."""
    names = campaign_names(truth)
    return [document(lever, names[lever], name=names[lever]) for lever in sorted({c.lever for c in truth.campaigns})]


def campaign_documents(truth: Truth, document: Document) -> list[Json]:
    """The campaigns; one without sites is global."""
    return [
        document(
            one.id,
            one.key,
            name=one.name,
            lever=one.lever,
            extra=dict(extra.split(":") for extra in sorted(one.extras)),
            costs=[_cost(cost) for cost in one.costs],
            **_days(one),
            **({"sites": list(one.sites)} if one.sites else {}),
        )
        for one in truth.campaigns
    ]


def _cost(cost: Cost) -> Json:
    return {"type": cost.kind, "amount": float(cost.amount), "currency": "EUR", **_days(cost)}


def _days(one: Campaign | Cost) -> dict[str, Any]:
    sides: tuple[tuple[str, date | None], ...] = (("from", one.first), ("to", one.last))
    return {side: day.isoformat() for side, day in sides if day}
