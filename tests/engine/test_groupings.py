"""Answers by groups, by two dimensions and with options equal what filters on the same rows give by hand.

A group of sites is what a question with a filter on its sites says about all of them; the others are a filter, too.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from functools import cache
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.catalogue.scopes import Scope
from okube_api.engine import question as engine_question
from okube_api.engine.dimensions import REMAINDER, Dimension, ValueGroups
from okube_api.engine.groupings import find_grouping_problem, find_remainder_problem, find_share_problem
from okube_api.engine.question import GLOBAL_SCOPE, Level, RequestedScope, ValueBounds
from okube_api.engine.run import answer
from okube_api.store.protocol import Reader

from tests.by_hand.conversion import conversion
from tests.by_hand.geomarketing import geomarketing, mark_stays
from tests.by_hand.performance import performance
from tests.by_hand.presence import presence
from tests.by_hand.question import Filter, Question, only, select_sites
from tests.by_hand.truth import Truth
from tests.engine import ask, ask_conversion
from tests.engine.campaign_tenants import campaign_tenant
from tests.engine.rendered import render_elements
from tests.engine.shop_tenants import shop_tenant
from tests.engine.stores import InMemory, Reading
from tests.engine.tenants import tenant
from tests.engine.walking_tenants import walking_tenant
from tests.rounds import count_examples
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
        truth = self.truth
        values: Mapping[str, Iterable[str | None]] = {
            "sites": [site.id for site in select_sites(truth, self.question)],
            "homes": [None, *(panelist.home for panelist in truth.panelists)],
            "works": [None, *(panelist.work for panelist in truth.panelists)],
            "levers": [campaign.lever for campaign in truth.campaigns],
            "campaigns": [campaign.id for campaign in truth.campaigns],
            "channels": ["offline", "online"],
        }
        return sorted({value or "unknown" for value in values[name]})

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
        question = self.resolve(kpis, RequestedScope(levels, "by") if levels else GLOBAL_SCOPE)
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


IN_MEMORY = InMemory()
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


def add_uplift(cases: Sequence[tuple[str, ...]]) -> list[Any]:
    """Return each case without uplift and with it, in turn one of them as slow; questions about presence have none."""
    return [
        pytest.param(case, uplift, marks=pytest.mark.slow if uplift == number % 2 and case[0] != "walks" else ())
        for number, case in enumerate(cases)
        for uplift in (False, True)
        if not (uplift and case[0] == "walks")
    ]


@pytest.mark.parametrize(("case", "uplift"), add_uplift(CASES), ids=str)
async def test_groups_equal_filters(reading: Reading, case: tuple[str, ...], uplift: bool) -> None:
    """Ask for every KPI by one or two dimensions; each entry is that of a question with filters instead."""
    setting, names = SETTINGS[case[0]](uplift), case[1:]
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


@pytest.mark.parametrize(("case", "uplift"), add_uplift(RANKED), ids=str)
async def test_others_equal_filters(reading: Reading, case: tuple[str, ...], uplift: bool) -> None:
    """Show the first value of the inner dimension: the others are what a filter on those not shown gives."""
    setting, names = SETTINGS[case[0]](uplift), case[1:]
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


# -- what sites compute in a way of their own --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["acquisition", "returning", "poiSessions"])
async def test_groups_of_sites_have_the_users_of_each_site(reading: Reading, name: str) -> None:
    """Compute new users and stays of visitors by region: the union over the sites of the region."""
    setting = panel_setting(False)
    question, truth = setting.question, setting.truth
    async with reading(truth) as reader:
        elements = await setting.ask(reader, (name,), Level(setting.dimension("region"), ()))
    rows = [each for each in mark_stays(truth) if question.contains(each.day) and each.stay.zone == "indoor"]
    pois = {poi.id for poi in truth.pois if poi.active}
    selected = {site.id for site in select_sites(truth, question)}
    for region in setting.list_values("region"):
        sites = {site for site in selected if region in (setting.sites[site] or ("unknown",))}
        inside = [each for each in rows if each.stay.place in sites]
        visitors = {each.stay.user for each in inside}
        newcomers = {each.stay.user for each in inside if each.new_here}
        at_pois = [each for each in rows if each.stay.place in pois and each.stay.user in visitors]
        expected = {
            "acquisition": len(newcomers),
            "returning": len(visitors - newcomers),
            "poiSessions": len(at_pois),
        }
        assert elements[name]["data"].get(region, {"all": 0})["all"] == expected[name], region


# -- two dimensions with options ---------------------------------------------------------------------------------


async def test_outer_values_have_an_order_a_limit_and_a_remainder(reading: Reading) -> None:
    """Show the best home with its two best sites; all other homes become one entry, with its two best sites."""
    setting = panel_setting(False)
    options: dict[str, Any] = {"descending": True, "has_remainder": True, "has_options": True, "share": True}
    homes = Level(setting.dimension("homes"), ("code",), limit=1, **options)
    sites = Level(setting.dimension("sites"), ("_id",), limit=2, **options)
    async with reading(setting.truth) as reader:
        element = (await setting.ask(reader, ("uniqUsers",), homes, sites))["uniqUsers"]
        by_home = (await setting.ask(reader, ("uniqUsers",), Level(setting.dimension("homes"), ())))["uniqUsers"]
    users = {code: entry["all"] for code, entry in by_home["data"].items()}
    best = min(users, key=lambda code: (-users[code], code))
    assert list(element["data"]) == list(element["outer"]) == [best, REMAINDER]
    assert element["total"] == len(users)
    everyone = setting.compute(setting.truth, "uniqUsers", setting.question)["all"]
    for outer, accepted in ((best, [best]), (REMAINDER, [code for code in users if code != best])):
        question = setting.narrow(setting.question, "homes", accepted)
        expected = setting.compute(setting.truth, "uniqUsers", question)["all"]
        by_site = setting.compute(setting.truth, "uniqUsers", replace(question, scope="sites"))
        code = None if outer == REMAINDER else outer
        assert element["outer"][outer] == {
            "code": code,
            "all": expected,
            "share": round(expected / everyone, 4),
            "total": len(by_site),
        }
        entries = element["data"][outer]
        order = sorted(by_site, key=lambda site: (-by_site[site]["all"], site))
        assert list(entries) == [*order[:2], *([REMAINDER] if len(order) > 2 else [])]
        for site in order[:2]:
            assert entries[site]["_id"] == site
            assert entries[site]["all"] == by_site[site]["all"]
            assert entries[site]["share"] == round(by_site[site]["all"] / everyone, 4)
        if len(order) > 2:
            rest = setting.compute(setting.truth, "uniqUsers", setting.narrow(question, "sites", order[2:]))
            assert_same(entries[REMAINDER], rest, outer)
            assert entries[REMAINDER]["_id"] is None


@pytest.mark.parametrize(
    ("bounds", "accepts"),
    [
        (ValueBounds(gt=20), lambda number: number > 20),
        (ValueBounds(gte=20, lt=60), lambda number: 20 <= number < 60),
        (ValueBounds(lte=5), lambda number: number <= 5),
        (ValueBounds(gt=10**6), lambda number: number > 10**6),
    ],
)
async def test_bounds_hold_before_the_limit(
    reading: Reading, bounds: ValueBounds, accepts: Callable[[float], bool]
) -> None:
    setting = panel_setting(False)
    level = Level(setting.dimension("homes"), (), having=bounds, limit=2, descending=False, has_options=True)
    async with reading(setting.truth) as reader:
        element = (await setting.ask(reader, ("posSessions",), level))["posSessions"]
    by_home = setting.compute(setting.truth, "posSessions", replace(setting.question, scope="homes"))
    passing = sorted((entry["all"], code) for code, entry in by_home.items() if accepts(entry["all"]))
    assert [(entry["all"], code) for code, entry in element["data"].items()] == passing[:2]
    assert element["total"] == len(passing)


async def test_a_group_named_others_is_part_of_what_is_not_shown(reading: Reading) -> None:
    setting = panel_setting(False)
    names = {
        site: (REMAINDER,) if number == 0 else (f"g{number}",) for number, site in enumerate(sorted(setting.sites))
    }
    dimension = Dimension(Scope.SITES, "sites.type", ValueGroups(names))
    level = Level(dimension, (), descending=True, limit=1, has_remainder=True, has_options=True)
    async with reading(setting.truth) as reader:
        data = (await setting.ask(reader, ("posSessions",), level))["posSessions"]["data"]
    total = setting.compute(setting.truth, "posSessions", setting.question)["all"]
    (shown,) = (name for name in data if name != REMAINDER)
    assert data[shown]["all"] + data[REMAINDER]["all"] == total


# -- the parts and the whole -------------------------------------------------------------------------------------

ADDITIVE = [  # dimensions of which each row has one value
    ("panel", "posSessions", ("homes",)),
    ("panel", "attendance", ("sites", "homes")),
    ("panel", "posSessions", ("works", "sites")),
    ("campaigns", "offlineVisitsLinear", ("campaigns", "sites")),
    ("campaigns", "prints", ("sites", "levers")),
    ("campaigns", "cost", ("levers", "sites")),
    ("walks", "entering", ("sites",)),
]


@given(st.sampled_from(ADDITIVE), st.lists(st.integers(1, 4), min_size=2, max_size=2), st.booleans(), st.booleans())
@settings(max_examples=count_examples(60))
def test_shown_values_and_others_add_up(
    case: tuple[str, str, tuple[str, ...]], limits: list[int], descending: bool, uplift: bool
) -> None:
    """Compare the sum of all entries with the whole, in every bucket, within what rounding of each entry can make."""
    setting_name, kpi, names = case
    setting = SETTINGS[setting_name](uplift)
    levels = [
        Level(setting.dimension(name), (), descending, limit=limit, has_remainder=True, has_options=True)
        for name, limit in zip(names, limits, strict=False)
    ]

    async def ask_both() -> tuple[dict[str, Any], dict[str, Any]]:
        async with IN_MEMORY.reading(setting.truth) as reader:
            return await setting.ask(reader, (kpi,), *levels), await setting.ask(reader, (kpi,))

    elements, complete = asyncio.run(ask_both())
    data = elements[kpi]["data"]
    entries = list(data.values()) if len(names) == 1 else [each for inner in data.values() for each in inner.values()]
    everything = complete[kpi]["data"]
    tolerance = Fraction(len(entries) + 1, 200)
    assert abs(sum(Fraction(entry["all"]) for entry in entries) - Fraction(everything["all"])) <= tolerance
    for bucket, leaf in everything["temporals"].items():
        total = sum(Fraction(entry["temporals"].get(bucket, 0)) for entry in entries)
        assert abs(total - Fraction(leaf)) <= tolerance


# -- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "kpi", "names", "reason"),
    [
        (Module.GEO_MARKETING, "poiSessions", ("sites", "pois"), "not known by"),
        (Module.GEO_MARKETING, "posAffinity", ("homes", "sites"), "not known by 'sites'"),
        (Module.GEO_MARKETING, "uniqUsers", ("homes", "zones"), "are the same"),
        (Module.GEO_MARKETING, "uniqUsers", ("sites", "sites"), "are the same"),
        (Module.GEO_MARKETING, "uniqUsers", ("pois",), "has no scope 'pois'"),
        (Module.CONVERSION, "venueRate", ("sites", "campaigns"), "needs data (exposures) that is not known by 'sites'"),
        (Module.CONVERSION, "comparisonOfflineVisits", ("region", "levers"), "not known by"),
        (Module.CONVERSION, "globalLeverPerformance", ("sites", "levers"), "not known by 'sites'"),
        (Module.PRESENCE, "areaMatching", ("sites", "equipments"), "not known by 'equipments'"),
        (Module.GEO_MARKETING, "uniqUsers", ("sites", "homes"), None),
        (Module.GEO_MARKETING, "uniqUsers", ("region", "sites"), None),
        (Module.GEO_MARKETING, "poiSessions", ("pois", "homes"), None),
        (Module.GEO_MARKETING, "poiSessions", ("region",), None),
        (Module.CONVERSION, "venueRate", ("levers", "campaigns"), None),
        (Module.CONVERSION, "venueRate", ("region", "sites"), None),
        (Module.CONVERSION, "cost", ("sites", "campaigns"), None),
        (Module.PRESENCE, "uniqUsers", ("sites", "equipments"), None),
    ],
)
def test_what_rows_cannot_tell_apart_has_a_reason(
    module: Module, kpi: str, names: tuple[str, ...], reason: str | None
) -> None:
    region = Dimension(Scope.SITES, "sites.attributes.region", ValueGroups({}))
    dimensions = [region if name == "region" else Dimension(Scope(name)) for name in names]
    problem = find_grouping_problem(BY_NAME[module][kpi], dimensions)
    assert (problem is None) == (reason is None), problem
    assert reason is None or (problem is not None and reason in problem)


def test_items_of_values_cannot_be_grouped() -> None:
    kpi = BY_NAME[Module.PRESENCE]["areaMatching"]
    grouped = Dimension(Scope.EQUIPMENTS, "equipments.type", ValueGroups({}))
    assert "cannot be grouped by 'equipments.type'" in (find_grouping_problem(kpi, [grouped]) or "")
    assert "has no 'others'" in (find_remainder_problem(kpi, [Dimension(Scope.EQUIPMENTS)]) or "")
    assert find_remainder_problem(BY_NAME[Module.PRESENCE]["uniqUsers"], [Dimension(Scope.EQUIPMENTS)]) is None


@pytest.mark.parametrize(
    ("module", "kpi", "has_share"),
    [
        (Module.GEO_MARKETING, "posSessions", True),
        (Module.GEO_MARKETING, "uniqUsers", True),
        (Module.GEO_MARKETING, "acquisition", False),
        (Module.GEO_MARKETING, "timespent", False),
        (Module.GEO_MARKETING, "os", False),
        (Module.GEO_MARKETING, "timespentPerScope", False),
        (Module.CONVERSION, "offlineVisits", True),
        (Module.CONVERSION, "cost", True),
        (Module.CONVERSION, "roi", False),
        (Module.CONVERSION, "offlineVisitsPerCampaign", False),
    ],
)
def test_shares_are_of_counts_and_amounts(module: Module, kpi: str, has_share: bool) -> None:
    assert (find_share_problem(BY_NAME[module][kpi]) is None) == has_share
