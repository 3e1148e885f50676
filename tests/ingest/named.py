"""The events of the spring as plain Python hears them."""

from functools import lru_cache

from okube_api.store.values import Json

from tests.ingest.land import spring


@lru_cache
def named_by_id(kind: str) -> list[Json]:
    """The events of a kind, places and campaigns by id, and nothing left out."""
    truth = spring().truth
    ids = {one.key: one.id for one in (*truth.sites, *truth.pois)} | {one.key: one.id for one in truth.equipments}
    ids |= {one.key: one.id for one in truth.campaigns}
    return [{name: ids.get(value, value) for name, value in event.items()} for event in spring().events[kind]]
