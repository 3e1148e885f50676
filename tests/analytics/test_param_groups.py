"""Params with the same filters are one question; filters of a param narrow those of the request."""

import pytest
from okube_api.analytics.param_groups import group_params
from okube_api.analytics.places import intersect_filters, list_named
from okube_api.analytics.schemas.presence import PresenceQuery
from okube_api.engine.question import ValueFilter
from okube_api.store.values import Json

A, B, AB, NOT_A, NOT_B = (
    ValueFilter(("a",)),
    ValueFilter(("b",)),
    ValueFilter(("a", "b")),
    ValueFilter(("a",), negated=True),
    ValueFilter(("b",), negated=True),
)


def read(*filters: Json | None) -> PresenceQuery:
    """Return a query with a param for each of these filters; without filters for None."""
    params = [{"kpi": "sessions"} | ({} if each is None else {"filters": each}) for each in filters]
    return PresenceQuery.model_validate({"params": params, "filters": {"weekdays": [1]}})


@pytest.mark.parametrize("filters", [None, {}, {"sites": []}, {"sites": None}, {"sites": {"not": []}}])
def test_params_without_filters_of_their_own_are_one_group(filters: Json | None) -> None:
    (group,) = group_params(read(None, filters, None))
    assert [position for position, _ in group.params] == [0, 1, 2]
    assert [placed.pointer for placed in group.filters] == ["/filters"]


def test_params_with_the_same_filters_share_a_group_in_the_order_of_the_params() -> None:
    groups = group_params(read({"sites": ["a"]}, None, {"sites": ["b"]}, {"sites": ["a"]}))
    assert [[position for position, _ in group.params] for group in groups] == [[0, 3], [1], [2]]
    assert [[placed.pointer for placed in group.filters] for group in groups] == [
        ["/filters", "/params/0/filters"],
        ["/filters"],
        ["/filters", "/params/2/filters"],
    ]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ((), None),
        ((AB,), AB),
        ((AB, B), B),
        ((A, B), ValueFilter(())),
        ((AB, NOT_A), B),
        ((NOT_A, AB), B),
        ((NOT_A, NOT_B), ValueFilter(("a", "b"), negated=True)),
    ],
)
def test_filters_are_intersected(filters: tuple[ValueFilter, ...], expected: ValueFilter | None) -> None:
    assert intersect_filters(filters) == expected
    assert list_named(filters) == (() if expected is None or expected.negated else expected.values)
