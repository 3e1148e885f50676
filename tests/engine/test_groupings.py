"""Answers by groups, by two dimensions and with options equal what filters on the same rows give by hand.

A group of sites is what a question with a filter on its sites says about all of them; the others are a filter, too.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from itertools import product
from typing import Any

import pytest
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.catalogue.scopes import Scope
from okube_api.engine import question as engine_question
from okube_api.engine.dimensions import REMAINDER, Dimension, ValueGroups
from okube_api.engine.groupings import find_grouping_problem, find_remainder_problem
from okube_api.engine.question import Level, RequestedScope
from okube_api.engine.run import answer
from okube_api.store.protocol import Reader

from tests.by_hand.conversion import conversion
from tests.by_hand.geomarketing import geomarketing
from tests.by_hand.performance import performance
from tests.by_hand.presence import presence
from tests.by_hand.question import Filter, Question, only, select_sites
from tests.by_hand.truth import Truth
from tests.engine import ask, ask_conversion
from tests.engine.campaign_tenants import campaign_tenant
from tests.engine.rendered import render_elements
from tests.engine.shop_tenants import shop_tenant
from tests.engine.stores import Reading
from tests.engine.tenants import tenant
from tests.engine.walking_tenants import walking_tenant
from tests.truth.random_events import BURSTS

pytestmark = pytest.mark.anyio

OF_SITES = {0: ("north",), 1: ("north", "big"), 2: (), 3: ("big",)}  # by position; the third site is in `unknown`
OF_CAMPAIGNS = {0: ("p1",), 1: ("p1",), 2: ("p2",), 3: (), 4: ("p2", "p1")}
BY_SITE = {"acquisition", "returning", "poiSessions", "perPoiSessions", "newVisitorShare"}
"""The KPIs that sites compute in another way than globals, so that a filter on sites says something else."""
BY_CAMPAIGN = {"offlineVisitsPerCampaign", "onlineVisitsPerCampaign"}
"""The KPIs that campaigns compute in another way than globals."""
Compute = Callable[[Truth, str, Question], Any]


@dataclass(frozen=True)
class Setting:
    """A module with an application, and the questions about it."""

    module: Module
    truth: Truth
    question: Question
    compute: Compute

    @property
    def sites(self) -> Mapping[str, tuple[str, ...]]:
        """The groups of each site."""
        return {site.id: OF_SITES[number % len(OF_SITES)] for number, site in enumerate(self.truth.sites)}

    @property
    def campaigns(self) -> Mapping[str, tuple[str, ...]]:
        """The groups of each campaign."""
        campaigns = enumerate(self.truth.campaigns)
        return {campaign.id: OF_CAMPAIGNS[number % len(OF_CAMPAIGNS)] for number, campaign in campaigns}

    def dimension(self, name: str) -> Dimension:
        """Return a dimension by its name: a scope, `region` (of sites) or `provider` (of campaigns)."""
        if name == "region":
            return Dimension(Scope.SITES, "sites.attributes.region", ValueGroups(self.sites))
        if name == "provider":
            return Dimension(Scope.CAMPAIGNS, "campaigns.provider", ValueGroups(self.campaigns))
        return Dimension(Scope(name))

    def narrow(self, question: Question, name: str, values: Iterable[str | None]) -> Question:
        """Return the question about the rows of some values of a dimension."""
        values = list(values)
        if name in {"region", "sites"}:
            sites = [site.id for site in select_sites(self.truth, question)]
            return replace(question, sites=only(*(site for site in sites if self._is_of(name, site, values))))
        if name in {"provider", "campaigns"}:
            campaigns = [campaign.id for campaign in self.truth.campaigns]
            return replace(question, campaigns=only(*(each for each in campaigns if self._is_of(name, each, values))))
        accepted: Any = frozenset(None if value == "unknown" else value for value in values)
        filters: dict[str, Any] = {name: Filter(accepted)}
        return replace(question, **filters)

    def _is_of(self, name: str, value: str, accepted: list[str | None]) -> bool:
        groups = {"region": self.sites, "provider": self.campaigns}.get(name)
        return any(each in accepted for each in ((value,) if groups is None else groups[value] or ("unknown",)))

    def list_values(self, name: str) -> list[str]:
        """Return the values of a dimension that can have data."""
        if name in {"region", "provider"}:
            groups = self.sites if name == "region" else self.campaigns
            return sorted({group for each in groups.values() for group in each or ("unknown",)})
        if name == "sites":
            return sorted(site.id for site in select_sites(self.truth, self.question))
        if name in {"homes", "works"}:
            people = self.truth.panelists
            return sorted({(each.home if name == "homes" else each.work) or "unknown" for each in people} | {"unknown"})
        if name == "channels":
            return ["offline", "online"]
        if name == "equipments":
            return sorted(equipment.id for equipment in self.truth.equipments)
        if name == "levers":
            return sorted({campaign.lever for campaign in self.truth.campaigns})
        return sorted(campaign.id for campaign in self.truth.campaigns)

    def resolve(self, kpis: tuple[str, ...], scope: RequestedScope) -> engine_question.Question:
        """Return the engine's question: every KPI by the scope."""
        if self.module is Module.CONVERSION:
            resolved = ask_conversion.resolve_question(self.truth, kpis, self.question)
        else:
            resolved = ask.resolve_question(self.truth, self.module, kpis, self.question)
        requested_kpis = tuple(replace(each, scopes=(scope,)) for each in resolved.requested_kpis)
        return replace(resolved, requested_kpis=requested_kpis)

    async def ask(self, reader: Reader, kpis: tuple[str, ...], *levels: Level) -> dict[str, Any]:
        """Return the element of each KPI by these levels."""
        question = self.resolve(kpis, RequestedScope(levels, "by"))
        elements = render_elements(question, await answer(question, reader))
        assert len(elements) == len(kpis)
        return dict(zip(kpis, elements, strict=True))

    def kpis(self, *names: str) -> tuple[str, ...]:
        """Return the KPIs that these dimensions can break down together, whose filters say the same."""
        dimensions = [self.dimension(name) for name in names]
        by_site = any(dimension.scope is Scope.SITES for dimension in dimensions)
        return tuple(
            name
            for name, kpi in BY_NAME[self.module].items()
            if find_grouping_problem(kpi, dimensions) is None
            and not (by_site and name in BY_SITE)
            and not ("campaigns" in names and name in BY_CAMPAIGN)
        )


@cache
def panel_setting(uplift: bool) -> Setting:
    """Return the setting of geo-marketing."""
    truth = tenant(1)
    question = Question(date(2020, 12, 20), date(2021, 1, 20), granularity="week", uplift=uplift)
    return Setting(Module.GEO_MARKETING, truth, replace(question, study=truth.studies[0].id), cache(geomarketing))


@cache
def campaign_setting(uplift: bool) -> Setting:
    """Return the setting of conversion."""
    question = Question(*BURSTS[0], granularity="week", uplift=uplift)
    return Setting(Module.CONVERSION, campaign_tenant(1), question, cache(conversion))


@cache
def walk_setting(_: bool) -> Setting:
    """Return the setting of presence."""
    question = Question(date(2020, 11, 14), date(2021, 1, 20), granularity="month")
    return Setting(Module.PRESENCE, walking_tenant(1), question, cache(presence))


@cache
def shop_setting(uplift: bool) -> Setting:
    """Return the setting of performance."""
    question = Question(*BURSTS[1], granularity="week", uplift=uplift)
    return Setting(Module.PERFORMANCE, shop_tenant(1), question, cache(performance))


SETTINGS = {"panel": panel_setting, "campaigns": campaign_setting, "walks": walk_setting, "shops": shop_setting}
CASES = [
    ("panel", "region"),
    ("panel", "region", "homes"),
    ("panel", "homes", "region"),
    ("panel", "sites", "works"),
    ("panel", "homes", "works"),
    ("panel", "region", "sites"),
    ("campaigns", "region"),
    ("campaigns", "provider"),
    ("campaigns", "region", "provider"),
    ("campaigns", "provider", "sites"),
    ("campaigns", "sites", "campaigns"),
    ("campaigns", "levers", "provider"),
    ("campaigns", "region", "levers"),
    ("walks", "region"),
    ("walks", "region", "sites"),
    ("shops", "region"),
    ("shops", "region", "channels"),
    ("shops", "channels", "sites"),
]


def is_empty(leaf: Any) -> bool:
    """Return whether a leaf has no data."""
    if isinstance(leaf, dict):
        if {"items", "visitors"} <= leaf.keys():  # each POI is listed, also without visitors
            return not leaf["visitors"]
        return all(is_empty(value) for name, value in leaf.items() if name not in {"unit", "measure", "from", "to"})
    return all(map(is_empty, leaf)) if isinstance(leaf, list) else not leaf


def assert_same(entry: dict[str, Any] | None, expected: dict[str, Any], place: object) -> None:
    """Assert that an entry has the values of globals; what has no data is left out."""
    if entry is None:
        assert is_empty(expected), place
        return
    assert entry["all"] == expected["all"], place
    for bucket, leaf in expected["temporals"].items():
        if bucket in entry["temporals"]:
            assert entry["temporals"][bucket] == leaf, (place, bucket)
        else:
            assert is_empty(leaf), (place, bucket)


@pytest.mark.parametrize("uplift", [False, True])
@pytest.mark.parametrize("case", CASES, ids="-".join)
async def test_groups_equal_filters(reading: Reading, case: tuple[str, ...], uplift: bool) -> None:
    """Ask for every KPI by one or two dimensions; each entry is that of a question with filters instead."""
    setting, names = SETTINGS[case[0]](uplift), case[1:]
    if setting.module is Module.PRESENCE and uplift:
        return
    kpis = setting.kpis(*names)
    async with reading(setting.truth) as reader:
        elements = await setting.ask(reader, kpis, *(Level(setting.dimension(name), ()) for name in names))
    for kpi in kpis:
        data = elements[kpi]["data"]
        assert elements[kpi]["scope"] == ",".join(setting.dimension(name).name for name in names)
        for values in product(*(setting.list_values(name) for name in names)):
            question, entry = setting.question, data
            for name, value in zip(names, values, strict=True):
                question = setting.narrow(question, name, [value])
                entry = (entry or {}).get(value)
            assert_same(entry, setting.compute(setting.truth, kpi, question), (kpi, values))


RANKED = [
    ("panel", "homes"),
    ("panel", "sites"),
    ("panel", "region"),
    ("panel", "region", "homes"),
    ("panel", "homes", "sites"),
    ("panel", "homes", "region"),
    ("panel", "homes", "works"),
    ("campaigns", "campaigns"),
    ("campaigns", "sites"),
    ("campaigns", "provider"),
    ("campaigns", "region", "campaigns"),
    ("campaigns", "campaigns", "sites"),
    ("campaigns", "provider", "region"),
    ("campaigns", "levers", "campaigns"),
    ("walks", "sites"),
    ("shops", "channels"),
    ("shops", "region", "channels"),
]


@pytest.mark.parametrize("uplift", [False, True])
@pytest.mark.parametrize("case", RANKED, ids="-".join)
async def test_others_equal_filters(reading: Reading, case: tuple[str, ...], uplift: bool) -> None:
    """Show the first value of the inner dimension: the others are what a filter on those not shown gives."""
    setting, names = SETTINGS[case[0]](uplift), case[1:]
    if setting.module is Module.PRESENCE and uplift:
        return
    dimensions = [setting.dimension(name) for name in names]
    records = BY_NAME[setting.module]
    kpis = tuple(kpi for kpi in setting.kpis(*names) if find_remainder_problem(records[kpi], dimensions) is None)
    levels = [Level(dimension, ()) for dimension in dimensions]
    levels[-1] = replace(levels[-1], descending=True, limit=1, has_remainder=True, has_options=True)
    async with reading(setting.truth) as reader:
        elements = await setting.ask(reader, kpis, *levels)
        complete = await setting.ask(reader, kpis, *(Level(dimension, ()) for dimension in dimensions))
    for kpi in kpis:
        parents = complete[kpi]["data"] if len(names) > 1 else {"": complete[kpi]["data"]}
        for parent, entries in parents.items():
            question = setting.question if len(names) == 1 else setting.narrow(setting.question, names[0], [parent])
            ranked = elements[kpi]["data"] if len(names) == 1 else elements[kpi]["data"][parent]
            shown = [value for value in ranked if value != REMAINDER]
            assert len(shown) == 1
            assert ranked[shown[0]] == entries[shown[0]]
            numbers = {value: sort_number(entry["all"]) for value, entry in entries.items()}
            assert numbers[shown[0]] == max((each for each in numbers.values() if each is not None), default=None)
            rest = [value for value in setting.list_values(names[-1]) if value not in shown]
            expected = setting.compute(setting.truth, kpi, setting.narrow(question, names[-1], rest))
            assert_same(ranked.get(REMAINDER), expected, (kpi, parent))


def sort_number(leaf: Any) -> float | None:
    """Return what a leaf sorts by."""
    if isinstance(leaf, dict):
        parts = [leaf["total"]] if "total" in leaf else list(leaf.values())
        return next((number for number in map(sort_number, parts) if number is not None), None)
    return leaf if isinstance(leaf, int | float) else None
