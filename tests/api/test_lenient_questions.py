"""Questions as existing clients write them: filters that filter nothing, scopes that are false, one property."""

from datetime import date
from typing import Any

import pytest
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import BY_NAME

from tests.api.analytics import World, build_path
from tests.by_hand.question import Question

pytestmark = [pytest.mark.anyio, pytest.mark.one_store]

FIRST, LAST = date(2024, 3, 18), date(2024, 4, 7)
_NOTHING: tuple[Any, ...] = (None, [], {"not": []})
NO_FILTERS = [None, {}, *({name: none} for name in ("sites", "tags", "weekdays")
                                     for none in _NOTHING)]  # fmt: skip


def build_question(module: Module, filters: Any, **scopes: Any) -> dict[str, Any]:
    """Build a question about the first KPI of a module."""
    return {"filters": filters, "params": [{"kpi": next(iter(BY_NAME[module])), "temporals": False, **scopes}]}


@pytest.mark.parametrize("site", [False, True])
@pytest.mark.parametrize("module", Module)
async def test_empty_filters_are_none_and_false_scopes_are_accepted(alpha: World, module: Module, site: bool) -> None:
    study = alpha.truth.studies[0].id if module is Module.GEO_MARKETING else None
    question = Question(FIRST, LAST, study=study, site=alpha.truth.sites[0].id if site else None)
    url = build_path(alpha, module, question)
    expected = await alpha.reader.post(url, json=build_question(module, {}))
    assert expected.status_code == 200, expected.text
    bodies = [build_question(module, filters) for filters in NO_FILTERS]
    bodies += [build_question(module, {}, sites=False), build_question(module, {}, equipments=False, homes=False)]
    for body in bodies:
        answer = await alpha.reader.post(url, json=body)
        assert (answer.status_code, answer.json()) == (200, expected.json()), (body, answer.text)


@pytest.mark.parametrize(
    ("options", "properties"),
    [
        ({"property": "key"}, ["key"]),
        ({"properties": "key"}, ["key"]),
        ({"property": ["name", "key"]}, ["name", "key"]),
        ({"property": "key", "properties": ["_id", "key"]}, ["_id", "key"]),
        ({"properties": ["name"] * 5}, ["name"]),
        ({}, ["_id"]),
    ],
)
async def test_properties_of_a_scope_have_two_names_and_two_forms(
    alpha: World, options: dict[str, Any], properties: list[str]
) -> None:
    url = f"{alpha.tenant.url}/presence/analytics?from=2024-03-18&to=2024-04-07"
    answers = [
        await alpha.reader.post(url, json=build_question(Module.PRESENCE, None, sites=scope, globals=False))
        for scope in (options, {"properties": properties})
    ]
    first, second = ([*answer.json()[0]["data"].values()] for answer in answers)
    assert first == second
    assert first
    assert all([*row] == [*properties, "all"] for row in first)


async def test_properties_of_areas_and_extras_may_be_a_text(alpha: World) -> None:
    study = alpha.truth.studies[0].key
    for path, scope in ((f"studies/{study}/geo-marketing", {"homes": {"property": "code"}}),
                        ("conversions/levers", {"extras": {"properties": "name"}})):  # fmt: skip
        module = Module.CONVERSION if "extras" in scope else Module.GEO_MARKETING
        answer = await alpha.reader.post(
            f"{alpha.tenant.url}/{path}/analytics", json=build_question(module, {}, **scope)
        )
        assert answer.status_code == 200, answer.text
