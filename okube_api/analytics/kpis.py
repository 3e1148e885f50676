"""The KPI catalogue as JSON for clients, and as a page of documentation (`docs/kpis.md`)."""

import sys
from collections.abc import Iterator

import orjson

from okube_api.analytics.formulas import describe_formula, list_events
from okube_api.analytics.kpi_options import describe_options
from okube_api.catalogue.kpi import Kpi, LeafShape, Module, Unit
from okube_api.catalogue.registry import CATALOGUE
from okube_api.catalogue.scopes import Scope
from okube_api.catalogue.shapes import DESCRIPTIONS, EXAMPLES
from okube_api.store.values import Json

KINDS = {
    "A": "additive over days and over every scope except equipments and extras",
    "A*": "additive over days and sites; by campaign, lever or extra an outcome counts once for each in its path",
    "S": "additive over days for one scope value, not over scope values",
    "U": "a distinct count: not summed but merged from sets",
    "R": "a ratio of two sums, null where the denominator is 0",
    "D": "a distribution",
    "C": "a record of several values",
}

MODULES = {
    Module.GEO_MARKETING: "Who comes to the shops, how often and how long, from the positions of a panel.",
    Module.CONVERSION: "Which visits and purchases campaigns led to, and at what cost.",
    Module.PRESENCE: "How people move in a shop, from its Wi-Fi or Bluetooth sensors.",
    Module.PERFORMANCE: "All visits and sales of the shops, with and without campaigns.",
}
"""What the KPIs of a module are about."""

_PAGE = """\
# The KPIs

A KPI is a figure that can be asked for by name. Each is explained on the page of its module: what it tells, its
formula, what it can be asked by, and a question with its answer. [Concepts](concepts.md) explains the words.

This page is generated from the catalogue, `okube_api/catalogue/`; `GET /analytics/kpis` returns the same as JSON, and
also what else each KPI can be asked for: granularities, groupings and options
([questions](questions.md#the-catalogue)). Every KPI can be asked for by `globals`, and by the scopes in its row.

{tables}

## Kinds and units

| kind | how its values add up |
|---|---|
{kinds}

| unit | meaning |
|---|---|
{units}

## Rules that several KPIs share

**Costs and deliveries without a site.** What is known of a campaign only belongs to its active sites in equal parts; to
its own sites when all of them are inactive; to all active sites when it names none. A question sums the parts of the
sites that it reaches: an inactive one only when a filter or the path names it.

**Filters on campaigns, levers and extras** must all be met by one campaign of the path. `not` keeps the paths that have
another campaign, too. A deleted campaign is in no path.

**Purchases and visits.** A purchase belongs to the latest visit of that user to that site on that local day, at the
same instant or before. Refunds (purchases with a negative amount) are placed and attributed like purchases, but only
revenues and sales change with them: they count neither as purchases nor as conversions.

**Order of touches.** Of touches of one campaign at one instant, a click counts before a print.

**Gaps.** A stay goes on when the silence between two positions or detections is as long as the gap, and ends when it is
longer.

**Studies.** A study that names no site has all of them; one that names no point of interest has none. The study `all`,
which every application has, has all of both.

**Points of interest by site.** By sites, `poiSessions` and `perPoiSessions` are about the users who had an indoor stay
at that site within the period and filters of the question; each of their stays at points of interest counts in the
bucket of its own day. By homes, works and zones, `posAffinity` compares people of the same area, and leaves out areas
without visitors.

**New users.** A user who is new twice, more than 12 months apart, counts once in `all` and once in each bucket where
they are new.

**Control groups.** Each value of `comparisonOfflineVisits` has its own touches and visits: in a bucket, only those of
that bucket count, and of the touches only those of campaigns that the filters and the scope keep. A user who was also
exposed is not in the control group. The interval is that of the logarithm of the rate ratio, with z = 1.96.

**Store performance** counts all visits and purchases. A purchase belongs to its own local day, and is attributed when
its outcome is: `sales` are the attributed `revenues` of conversion plus `unattributedSales`, without uplift in both.
Several visits of a user to the same site on one day are visits of one visitor. Visits to inactive sites count when the
server finds out whether a visitor is new.

**Notes** on the values are in `meta.notes` with `?meta=true`, and their codes in the response header `X-Okube-Notes`;
see [questions](questions.md#notes).
"""

UNITS = {
    Unit.COUNT: "count",
    Unit.SECONDS: "seconds",
    Unit.DAYS: "days",
    Unit.METRES: "metres",
    Unit.MONEY: "money, in the currency of the application whatever it is",
    Unit.RATIO: "ratio, as a decimal: 0.25 is 25 %",
    Unit.INDEX: "index: 100 is as much as the reference",
    Unit.MIXED: "several values with units of their own",
}


def list_kpi_records() -> list[Json]:
    """Return all KPIs as JSON records, module by module."""
    return [_build_record(module, kpi) for module, kpis in CATALOGUE.items() for kpi in kpis]


def _build_record(module: Module, kpi: Kpi) -> Json:
    return {
        "module": module.value,
        "kpi": kpi.name,
        "unit": kpi.unit.value,
        "kind": kpi.kind.value,
        "scopes": [scope.value for scope in (Scope.GLOBALS, *kpi.scopes)],
        "leaf": kpi.leaf.value,
        "example": EXAMPLES[kpi.leaf],
        "description": kpi.title,
        "meaning": kpi.meaning,
        "formula": describe_formula(module, kpi),
        "events": list_events(kpi),
        **describe_options(kpi),
    }


def render_page() -> str:
    """Return the content of `docs/kpis.md`."""
    return "\n".join(_build_lines())


def _build_lines() -> Iterator[str]:
    yield _PAGE.format(
        tables="\n".join(_build_tables()).rstrip(),
        kinds="\n".join(f"| {kind} | {words} |" for kind, words in KINDS.items()),
        units="\n".join(f"| `{unit}` | {words} |" for unit, words in UNITS.items()),
    )
    yield "## Leaves\n"
    yield "The shapes of the values under `all` and under each bucket.\n"
    for leaf in LeafShape:
        if any(kpi.leaf is leaf for kpis in CATALOGUE.values() for kpi in kpis):
            yield f"**{leaf.value}**: {DESCRIPTIONS[leaf]}\n"
            yield f"```json\n{orjson.dumps(EXAMPLES[leaf]).decode()}\n```\n"


def _build_tables() -> Iterator[str]:
    for module, kpis in CATALOGUE.items():
        page = f"kpis/{module.value}.md"
        yield f"## {module.value} ({len(kpis)})\n"
        yield f"{MODULES[module]} [All of them with examples]({page})\n"
        yield "| KPI | What it tells | Kind | Unit | Leaf | By |"
        yield "|---|---|---|---|---|---|"
        for kpi in kpis:
            name = f"[`{kpi.name}`]({page}#{kpi.name.lower()})"
            cells = (name, kpi.meaning, kpi.kind.value, kpi.unit.value, kpi.leaf.value, ", ".join(kpi.scopes))
            yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
        yield ""


if __name__ == "__main__":
    sys.stdout.write(render_page())
