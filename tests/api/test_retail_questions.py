"""Random questions of the whole language about a retailer, over HTTP, held to plain Python."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import partial
from typing import Any

import httpx
import orjson
import pytest
from okube_api.auth.repository import Role

from tests.api import retail_world as world
from tests.api.retail_world import Happening, PlainQuestion, compute, compute_exactly, round_half_even
from tests.api.server import Server, Tenant
from tests.rounds import count_examples

pytestmark = pytest.mark.anyio
Json = dict[str, Any]
HAPPENINGS = world.generate_happenings(14, 900)
NOW = datetime(2024, 4, 3, 12, tzinfo=UTC)
"""Yesterday, 2 April 2024, is the last complete day; the data go on until the 7th."""
_GROUPINGS = ("sites", "channels", "sites.tags", "sites.type", "sites.attributes.region", "sites.city")
_LONG = ("day", "week", "month", "quarter", "year", "fiscalMonth", "fiscalQuarter", "fiscalYear")


@dataclass(frozen=True)
class Retailer:
    """The application of the retailer, and the keys of its sites by id."""

    tenant: Tenant
    keys: dict[str, str]


@pytest.fixture(scope="module")
async def retailer(shared_server: Server) -> Retailer:
    """Return an application with the events of the retailer."""
    tenant = await shared_server.create_tenant(timezone=world.HOME_ZONE)
    changed = await tenant.admin.put(tenant.url, json={"settings": {"calendar": world.CALENDAR}})
    assert changed.status_code == 200, changed.text
    sites = [await tenant.create("sites", **shop.fields) for shop in world.SHOPS]
    for kind, is_purchase in (("visits", False), ("purchases", True)):
        events = [each for each in HAPPENINGS if (each.cents is not None) is is_purchase]
        lines = [_format_event(each, number) for number, each in enumerate(events)]
        answer = await tenant.editor.post(
            f"{tenant.url}/ingest/{kind}", content=b"\n".join(lines), headers={"Content-Type": "application/x-ndjson"}
        )
        assert answer.status_code == 201, answer.text
        assert answer.json()["accepted"] == len(lines)
    return Retailer(tenant, {site["_id"]: site["key"] for site in sites})


def _format_event(each: Happening, number: int) -> bytes:
    event: Json = {"user": each.user, "site": each.shop.key, "at": each.at.isoformat()}
    if each.cents is not None:
        event |= {"amount": each.cents / 100, "order": f"order-{number}"}
    return orjson.dumps(event)


async def ask(
    retailer: Retailer, question: PlainQuestion, body: Json, *, reader: httpx.AsyncClient | None = None, **query: Any
) -> Any:
    """Return the answer to a question."""
    first, last = question.period
    url = f"{retailer.tenant.url}/performance/analytics"
    period = {"from": str(first), "to": str(last)}
    answer = await (reader or retailer.tenant.reader).post(url, params={**period, **query}, json=body)
    assert answer.status_code == 200, (answer.text, body)
    return answer.json()


def build_param(question: PlainQuestion, options: Json | None = None) -> Json:
    """Return the param of a question; options: of its innermost scope."""
    param: Json = {"kpi": question.kpi, "mode": question.mode, "granularity": question.granularity}
    if question.by:
        innermost = {"of": question.by[-1], **options} if options else question.by[-1]
        param |= {"globals": False, "by": [*question.by[:-1], innermost]}
    return param


def read_rows(retailer: Retailer, question: PlainQuestion, data: Json) -> dict[tuple[str, ...], Json]:
    """Return the rows of the data of an element by group, sites by their key."""
    if not question.by:
        return {(): data}
    named = {retailer.keys.get(name, name): entry for name, entry in data.items()}
    if len(question.by) == 1:
        return {(name,): entry for name, entry in named.items()}
    return {
        (outer, retailer.keys.get(inner, inner)): entry
        for outer, entries in named.items()
        for inner, entry in entries.items()
    }


def check_rows(
    question: PlainQuestion, expected: dict[tuple[str, ...], list[Happening]], rows: dict[tuple[str, ...], Json]
) -> None:
    """Check the leaves of every row against the events of its group."""
    empty = 0 if question.kpi not in world.RATIOS else None
    wanted = {group: question.list_leaves(members) for group, members in expected.items()}
    assert {*rows} <= {*wanted}, question
    for group, leaves in wanted.items():
        with_data = {label for label, leaf in leaves.items() if leaf not in (0, None)}
        if group not in rows:
            assert not with_data, (question, group, leaves)
            continue
        row = rows[group]
        assert row["all"] == leaves["all"], (question, group)
        temporals = row["temporals"]
        assert with_data - {"all"} <= {*temporals}, (question, group)
        for label, leaf in temporals.items():
            assert leaf == leaves.get(label, empty), (question, group, label)


def choose_period(generator: random.Random, granularity: str) -> tuple[date, date]:
    """Return a period that ends with the last day of the data at the latest."""
    longest = 60 if granularity == "hour" else (world.LAST - world.FIRST).days
    days = generator.randrange(1, longest)
    first = world.FIRST + timedelta(generator.randrange((world.LAST - world.FIRST).days - days + 1))
    return first, first + timedelta(days)


def choose_question(generator: random.Random) -> PlainQuestion:
    """Return a question without filters."""
    mode, granularity = generator.choice(
        [*(("histogram", name) for name in _LONG), *(("aggregation", name) for name in _LONG)]
        + [("histogram", "hour"), ("aggregation", "hour"), ("aggregation", "hourOfWeek")] * 2
    )
    by: tuple[str, ...] = tuple(generator.sample(_GROUPINGS, generator.randrange(3)))
    return PlainQuestion(generator.choice(world.KPIS), choose_period(generator, granularity), mode, granularity, by)


_CHANGES = ("2024-03-31", "2023-10-29")
FILTERS: Sequence[tuple[Json, Callable[[Happening], bool]]] = (
    ({"sites": ["lille", "boston", "web"]}, lambda each: each.shop.key in ("lille", "boston", "web")),
    ({"sites": {"not": ["lille"]}}, lambda each: each.shop.key != "lille"),
    ({"weekdays": [1, 6, 7]}, lambda each: each.local.isoweekday() in (1, 6, 7)),
    ({"channels": ["offline"]}, lambda each: not each.shop.is_online),
    ({"sites.tags": ["drive"]}, lambda each: "drive" in each.shop.groups["sites.tags"]),
    ({"sites.attributes.region": ["Nord", "East"]}, lambda each: each.shop.key in ("lille", "arras", "boston")),
    ({"sites.attributes.region": {"not": ["Nord"]}}, lambda each: each.shop.key not in ("lille", "arras")),
    ({"hours": [9, 10, 19]}, lambda each: each.local.hour in (9, 10, 19)),
    ({"opening": True}, world.is_open),
    ({"days": {"weekdays": [1, 2]}}, lambda each: each.local.isoweekday() in (1, 2)),
    ({"days": {"dates": {"not": ["2024-03-31", "2023-10-29"]}}}, lambda each: str(each.day) not in _CHANGES),
    (
        {"any": [{"sites": ["kolkata"]}, {"weekdays": [2]}]},
        lambda each: each.shop.key == "kolkata" or each.local.isoweekday() == 2,
    ),
    (
        {"any": [{"hours": [9]}, {"sites.type": ["hyper"], "weekdays": [5]}]},
        lambda each: each.local.hour == 9 or (each.shop.fields.get("type") == "hyper" and each.local.isoweekday() == 5),
    ),
)


def add_filters(generator: random.Random, question: PlainQuestion) -> tuple[PlainQuestion, Json]:
    """Return the question with one or two filters, and these filters."""
    chosen = generator.sample(FILTERS, generator.randrange(1, 3))
    names = [name for filters, _ in chosen for name in filters]
    if len(set(names)) < len(names):
        chosen = chosen[:1]
    tests = [keeps for _, keeps in chosen]
    filters = {name: value for each, _ in chosen for name, value in each.items()}
    return replace(question, keeps=lambda happening: all(keeps(happening) for keeps in tests)), filters


@pytest.mark.parametrize("seed", range(count_examples(12)))
async def test_groups_and_buckets(retailer: Retailer, seed: int) -> None:
    generator = random.Random(seed)
    for _ in range(4):
        question = choose_question(generator)
        (element,) = await ask(retailer, question, {"params": [build_param(question)]})
        assert element["scope"] == (",".join(question.by) or "globals")
        check_rows(
            question, question.group(question.select(HAPPENINGS)), read_rows(retailer, question, element["data"])
        )


def _pass_both(first: PlainQuestion, second: PlainQuestion, happening: Happening) -> bool:
    return first.keeps(happening) and second.keeps(happening)


@pytest.mark.parametrize("seed", range(count_examples(12)))
async def test_filters_of_requests_and_params(retailer: Retailer, seed: int) -> None:
    generator = random.Random(1000 + seed)
    for _ in range(3):
        question = choose_question(generator)
        filtered, filters = add_filters(generator, question)
        narrowed, more = add_filters(generator, question)
        both = replace(question, keeps=partial(_pass_both, filtered, narrowed))
        body = {"filters": filters, "params": [build_param(question), build_param(question) | {"filters": more}]}
        elements = await ask(retailer, question, body)
        for question, element in zip((filtered, both), elements, strict=True):
            check_rows(
                question, question.group(question.select(HAPPENINGS)), read_rows(retailer, question, element["data"])
            )


@pytest.mark.parametrize("seed", range(count_examples(10)))
async def test_limit_others_share_and_having(retailer: Retailer, seed: int) -> None:
    generator = random.Random(2000 + seed)
    for _ in range(3):
        question = replace(
            choose_question(generator), by=tuple(generator.sample(_GROUPINGS, generator.randrange(1, 3)))
        )
        limit, least = generator.randrange(1, 4), generator.choice((None, 1, 20))
        options: Json = {"sort": "-all", "limit": limit, "others": True}
        has_share = question.kpi not in world.RATIOS
        options |= {"share": True} if has_share else {}
        options |= {"having": {"all": {"gte": least}}} if least is not None else {}
        (element,) = await ask(retailer, question, {"params": [build_param(question, options)]})
        rows = read_rows(retailer, question, element["data"])
        counted = question.select(HAPPENINGS)
        groups = question.group(counted)
        for parent in {group[:-1] for group in groups}:
            siblings = {group: members for group, members in groups.items() if group[:-1] == parent}
            passing = {
                group: (compute(question.kpi, members) or 0)
                for group, members in siblings.items()
                if least is None or (compute(question.kpi, members) or 0) >= least
            }
            values = sorted(passing.values(), reverse=True)[:limit]
            shown = {group for group in rows if group[:-1] == parent and group[-1] != "others"}
            assert (
                sorted(((passing[group]) for group in shown), reverse=True)
                == [value for value in values if value or len(shown) == len(values)][: len(shown)]
            ), (question, parent)
            assert len(shown) == len([value for value in values if value]) or not all(values), (question, parent)
            remaining = {
                id(each): each for group, members in siblings.items() if group not in shown for each in members
            }
            expected = {group: siblings[group] for group in shown}
            if remaining:
                expected[(*parent, "others")] = list(remaining.values())
            own_rows = {group: row for group, row in rows.items() if group[:-1] == parent}
            check_rows(question, expected, own_rows)
            total = compute_exactly(question.kpi, counted)
            if has_share and total:
                for group, row in own_rows.items():
                    part = compute_exactly(question.kpi, expected[group])
                    assert part is not None
                    assert row["share"] == round_half_even(part / total, 4), (question, group)


# -- comparison ------------------------------------------------------------------------------------------------------


def _shift_year(day: date) -> date:
    return date(day.year - 1, day.month, 28 if (day.month, day.day) == (2, 29) else day.day)


def find_period(name: str, period: tuple[date, date]) -> tuple[date, date]:
    """Return the period that a period is compared with."""
    first, last = period
    if name == "previousPeriod":
        days = (last - first).days + 1
        return first - timedelta(days), first - timedelta(1)
    if name == "previousYear":
        return _shift_year(first), _shift_year(last)
    return first - timedelta(364), last - timedelta(364)


@pytest.mark.parametrize("seed", range(count_examples(10)))
async def test_comparisons(server: Server, retailer: Retailer, seed: int) -> None:
    generator = random.Random(3000 + seed)
    server.clock.ahead = NOW - datetime.now(UTC)  # the tokens of before are of the future
    reader = server.client_of(retailer.tenant.users[Role.READER])
    for _ in range(3):
        names = generator.sample(
            ("previousPeriod", "previousYear", "previousYearSameWeekday"), generator.randrange(1, 4)
        )
        first = date(2024, 1, 1) + timedelta(generator.randrange(60))
        question = PlainQuestion(
            generator.choice(world.KPIS),
            (first, first + timedelta(generator.randrange(3, 30))),
            granularity=generator.choice(("day", "week", "month")),
            by=tuple(generator.sample(_GROUPINGS, generator.randrange(2))),
        )
        body = {"compare": {"to": names}, "params": [build_param(question)]}
        answer = await ask(retailer, question, body, reader=reader, meta="true")
        (element,) = answer["results"]
        kind = answer["meta"]["change"][question.kpi]
        check_rows(
            question, question.group(question.select(HAPPENINGS)), read_rows(retailer, question, element["data"])
        )
        assert [each["to"] for each in element["comparisons"]] == names
        for name, comparison in zip(names, element["comparisons"], strict=True):
            check_comparison(retailer, question, name, kind, comparison)


def check_comparison(retailer: Retailer, question: PlainQuestion, name: str, kind: str, comparison: Json) -> None:
    """Check the figures and changes of one comparison."""
    last_complete = NOW.date() - timedelta(1)
    other = find_period(name, question.period)
    own = question.period
    is_complete = own[1] <= last_complete
    assert comparison.get("complete", True) is is_complete
    if not is_complete:
        passed = (last_complete - own[0]).days
        own, other = (own[0], last_complete), (other[0], other[0] + timedelta(passed))
    assert (comparison["from"], comparison["until"]) == (str(other[0]), str(other[1])), (question, name)
    then = question.group(question.select(HAPPENINGS, other))
    now = question.group(question.select(HAPPENINGS, own))
    rows = read_rows(retailer, question, comparison["data"])
    for group, members in then.items():
        value = compute(question.kpi, members)
        if value not in (0, None):
            assert rows[group]["all"] == value, (question, name, group)
    changes = read_rows(retailer, question, comparison["change"])
    for group in {*then, *now}:
        current, previous = (compute_exactly(question.kpi, side.get(group, [])) for side in (now, then))
        expected: Fraction | None
        if current is None or previous is None:
            expected = None
        elif kind == "difference":
            expected = current - previous
        else:
            expected = (current - previous) / previous if previous else None
        rounded = round_half_even(expected, 4)
        found = changes.get(group, {}).get("all")
        assert found == rounded, (question, name, group, current, previous)
