# ruff: noqa: RUF001 - formulas have the signs of mathematics
"""Describes how a KPI is computed: its formula and the events that it needs, read from its expression.

The engine evaluates the same expressions.  Arithmetic is written from them; what a sum is and what a structure such as
a distribution has are sentences here, by the class of the expression.  `tests/analytics/test_kpi_pages.py` calculates
both from answers.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial, singledispatch

from okube_api.catalogue.bands import Bands
from okube_api.catalogue.expressions.affinity import Affinity
from okube_api.catalogue.expressions.amplitude import Amplitude
from okube_api.catalogue.expressions.breakdowns import AttributeBreakdown, Breakdown
from okube_api.catalogue.expressions.composites import Ratio, Record, Scoped
from okube_api.catalogue.expressions.costs import CampaignCost, DeliveryCount
from okube_api.catalogue.expressions.distributions import Distribution, Frequency
from okube_api.catalogue.expressions.exposure import Comparison, VenueRate
from okube_api.catalogue.expressions.matrix import Matrix
from okube_api.catalogue.expressions.numbers import Distinct, Minus, Plus, ScopedNumber, Total
from okube_api.catalogue.expressions.order import VisitOrder
from okube_api.catalogue.expressions.visitors import VisitorBreakdown, VisitorTotal
from okube_api.catalogue.facts import COHORTS, CREDITS, GEO_STAYS, NEW, NEW_AT_PLACE, OUTCOMES, VISITS
from okube_api.catalogue.kpi import Kpi, Module
from okube_api.catalogue.registry import CATALOGUE
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.catalogue.terms import Slice, Sums, UserSet
from okube_api.catalogue.value import Number, Value

NumberWriter = Callable[[Number], str | None]

_PLACES = {
    PlaceRole.SITES: "at the sites",
    PlaceRole.POIS: "at the points of interest",
    PlaceRole.STUDY: "at the sites and points of interest of the study",
}
_EVENTS: Mapping[str, tuple[str, ...]] = {
    "geo_stays": ("pings or stays",),
    "presence_stays": ("detections",),
    "presence_passages": ("detections",),
    "presence_steps": ("detections",),
    "presence_exits": ("detections",),
    "presence_passage_exits": ("detections",),
    "outcomes": ("visits", "purchases"),
    "purchases": ("purchases",),
    "cohorts": ("visits", "purchases"),
    "credits": ("visits", "touches"),
    "exposures": ("touches",),
    "deliveries": ("deliveries",),
}
_MEASURES = {  # what a sum of a measure is; {rows} stands for the kind of rows, {of} for where or when
    "stays": "number of {rows}{of}",
    "dwell": "sum of the dwell of {rows}{of}",
    "gaps": "sum of the days since the visitor-day before, of {rows}{of}",
    "home_metres": "sum of the distances between home and site, of {rows}{of}",
    "work_metres": "sum of the distances between work and site, of {rows}{of}",
    "visitor_days": "number of visitor-days with {rows}{of}",
    "dropouts": "number of {rows}{of} shorter than the engagement threshold",
    "visits": "number of {kind}visits{of}",
    "conversions": "number of {kind}visits with a purchase{of}",
    "purchases": "number of {kind}purchases{of}",
    "revenue": "sum of the amounts of {kind}purchases, less refunds{of}",
    "delay": "sum of the times between the credited touch and {kind}visits{of}",
    "amount": "sum of the amounts of {kind}purchases{of}",
    "refunded": "sum of the amounts of {kind}refunds{of}",
}
_CREDITS = {
    "occurrences": "sum over {kind}visits: touches in the path ÷ all touches of the path",
    "visits": "sum over {kind}visits: campaigns in the path ÷ all distinct campaigns of the path",
    "first": "number of {kind}visits by the campaign of the first touch of the path",
    "last": "number of {kind}visits by the campaign of the last touch of the path",
}

_BANDS = {  # the quantities that distributions band
    (Bands.DWELL, "dwell_band"): "dwell",
    (Bands.GAP, "gap_band"): "days since the visitor-day before",
    (Bands.DELAY, "delay_band"): "time since the credited touch",
    (Bands.BASKET, "basket_band"): "amount",
    (Bands.DISTANCE, "home_band"): "distance between home and site",
    (Bands.DISTANCE, "work_band"): "distance between work and site",
}

# -- numbers -------------------------------------------------------------------------------------------------------


@lru_cache
def name_numbers(module: Module) -> Mapping[Number, str]:
    """Return the numbers that are the value of a KPI of the module, with its name."""
    return {kpi.value: kpi.name for kpi in CATALOGUE[module] if isinstance(kpi.value, Number)}


def describe_rows(rows: Slice) -> tuple[str, str]:
    """Return which kind of rows of a fact a slice selects ("attributed offline "), and where they are (" at ...")."""
    conditions = {column: values[0] for column, values in rows.fixed} | dict(rows.described_by)
    attributed = {0: "unattributed", 1: "attributed"}.get(conditions.get("attributed", -1))  # type: ignore[arg-type]
    if rows.fact in (COHORTS, CREDITS):
        attributed = "attributed"  # they have no other rows
    words = [
        attributed,
        conditions.get("channel"),
        conditions.get("zone", "indoor or outdoor" if rows.fact is GEO_STAYS else None),
    ]
    kind = "".join(f"{word} " for word in words if word)
    where = f" {_PLACES[rows.place[0]]}" if rows.place and rows.fact.name.startswith(("geo", "presence")) else ""
    if touch := conditions.get("touch_kind"):
        where += f" whose credited touch is a{'n' if touch == 'opening' else ''} {touch}"
    if rows.fact is COHORTS:
        where += ", by the day of their credited touch"
    return kind, where


def describe_number(number: Number) -> str:
    """Return what a number counts or sums, in words."""
    match number:
        case Total():
            kind, where = describe_rows(number.slice)
            templates = _CREDITS if number.slice.fact is CREDITS else _MEASURES
            return templates[number.measure.name].format(kind=kind, rows=f"{kind}{number.slice.fact.noun}", of=where)
        case Distinct():
            return f"number of distinct {' or '.join(map(describe_users, number.sets))}"
        case DeliveryCount():
            return f"sum of the {number.measure.name} of deliveries"
        case CampaignCost():
            return (
                "fixed costs, in equal parts for each day of the cost, + prints ÷ 1,000 × cost per thousand + clicks × "
                "cost per click + openings × cost per opening"
            )
        case VisitorTotal():
            return f"{describe_number(number.total)} of {describe_users(number.visitors)}"
    return write_formula(number, lambda _: None)


def describe_users(users: UserSet) -> str:
    """Return which users a set has, in words."""
    fact, (kind, where) = users.slice.fact, describe_rows(users.slice)
    user = "devices" if fact.name.startswith("presence") else "users"
    if fact.name == "exposures":
        is_control = ("control", 1) in users.slice.described_by
        return "users of the control group" if is_control else "exposed users"
    noun = "visits" if fact.name in {"outcomes", "credits"} else fact.noun
    if users.members in (NEW, NEW_AT_PLACE):
        place = "at any site of the application" if users.members == NEW else "there"
        return f"{user} with {kind}{noun}{where} and none {place} in the 12 months before that day"
    return f"{user} with {kind}{noun}{where}"


# -- formulas ------------------------------------------------------------------------------------------------------


def describe_formula(module: Module, kpi: Kpi) -> list[str]:
    """Return the formula of a KPI in words and plain mathematics; numbers that are KPIs of the module by name.

    Records have a line for each field.  Values that are computed differently by a scope have another line for it.
    """
    names = dict(name_numbers(module))
    fields = list(list_fields(kpi.value))
    for field, value in fields:
        if field and isinstance(value, Number):
            names.setdefault(value, field)

    def write(number: Number, left_side: str = kpi.name) -> str | None:
        name = names.get(number)
        if name and name != left_side:
            return name
        return None if isinstance(number, Plus | Minus) else describe_number(number)

    lines = [
        f"{field} = {write_formula(value, partial(write, left_side=field))}" if field else write_formula(value, write)
        for field, value in fields
    ]
    if isinstance(kpi.value, Scoped | ScopedNumber):
        lines += [f"by {scope}: {write_formula(value, write)}" for scope, value in kpi.value.overrides]
    return lines


def list_fields(value: Value, prefix: str = "") -> Iterator[tuple[str, Value]]:
    """Yield the dotted names of the fields of a record with their values; any other value without a name."""
    if isinstance(value, Record):
        for name, field in value.fields:
            yield from list_fields(field, f"{prefix}.{name}" if prefix else name)
    else:
        yield prefix, value


def write_formula(value: Value, write: NumberWriter) -> str:
    """Return a formula.

    write: returns the text of a number in it, or None to have a sum or difference written as its parts.
    """
    match value:
        case Ratio():
            text = f"{_write_operand(value.numerator, write)} ÷ {_write_operand(value.denominator, write)}"
        case Minus():
            text = f"{_write_operand(value.left, write)} − {_write_operand(value.right, write)}"
        case Plus():
            text = " + ".join(_write_operand(part, write) for part in value.parts)
        case ScopedNumber() | Scoped():
            text = write_formula(value.default, write)
        case Number():
            text = write(value) or describe_number(value)
        case _:
            text = describe_structure(value)
    return text


def _write_operand(number: Number, write: NumberWriter) -> str:
    text = write(number) or write_formula(number, write)
    return f"({text})" if " " in text else text


def list_operands(value: Value) -> Iterator[Number]:
    """Yield the numbers that a formula is made of, from left to right; sums and differences with their parts."""
    match value:
        case Ratio():
            parts: tuple[Number, ...] = (value.numerator, value.denominator)
        case Minus():
            parts = (value.left, value.right)
        case Plus():
            parts = value.parts
        case _:
            parts = ()
    for part in parts:
        yield part
        yield from list_operands(part)


# -- formulas that are not arithmetic ------------------------------------------------------------------------------


@singledispatch
def describe_structure(value: Value) -> str:
    """Return the formula of a value that is neither a number nor made of numbers by arithmetic."""
    raise NotImplementedError(type(value).__name__)


@describe_structure.register
def _(value: Distribution) -> str:
    rows = describe_number(Total(value.measure, value.slice))
    amount = describe_number(Total(value.amount, value.slice))
    unknown = "those without that quantity are left out" if value.known_only else "`unknown` counts those without it"
    return (
        f"per band of {_BANDS[value.bands, value.band]}: {rows}; {unknown}; share = value ÷ (total − unknown); "
        f"mean = {amount} ÷ (total − unknown); median by linear interpolation within its band"
    )


@describe_structure.register
def _(value: Frequency) -> str:
    return (
        f"per band of visitor-days: number of distinct {describe_users(value.users)}; share = value ÷ total; "
        "mean = visitor-days ÷ users; median by linear interpolation within its band"
    )


@describe_structure.register
def _(value: Amplitude) -> str:
    return (
        f"per band of last end − first start of the {value.users.slice.fact.noun} of a device at a place on a local "
        "day: number of such days; share = value ÷ total; mean = sum of these times ÷ total; median by linear "
        "interpolation within its band"
    )


@describe_structure.register
def _(value: AttributeBreakdown) -> str:
    return (
        f"per {value.users.attribute}: number of distinct {describe_users(value.users)}; `unknown` counts those "
        "without; share = value ÷ (total − unknown)"
    )


@describe_structure.register
def _(value: Breakdown) -> str:
    return f"per item ({value.by}): {describe_number(value.total)}; share = value ÷ total"


@describe_structure.register
def _(value: VisitorBreakdown) -> str:
    return f"per item ({value.by}): {describe_number(value.total)}, of {describe_users(value.visitors)}"


@describe_structure.register
def _(value: VenueRate) -> str:
    return f"distinct {describe_users(value.exposed)} among the {describe_users(value.visitors)} ÷ all of them"


@describe_structure.register
def _(_: Comparison) -> str:
    return (
        "rate = visitors ÷ users, of the exposed users and of the control group (without exposed users); a visitor has "
        "an offline visit at or after their first touch; lift = exposed rate ÷ control rate − 1; incrementalVisitors = "
        "exposed users × (exposed rate − control rate); ci95 = exp(ln(exposed rate ÷ control rate) ± 1.96 × √(1 ÷ "
        "exposed visitors − 1 ÷ exposed users + 1 ÷ control visitors − 1 ÷ control users)) − 1; significant = 0 is not "
        "within ci95"
    )


@describe_structure.register
def _(value: Affinity) -> str:
    return (
        f"per point of interest: share = distinct {describe_users(value.visitors)} who are also seen there ÷ all of "
        f"them; referenceShare = the same of {describe_users(value.reference_users)}; "
        "index = 100 × share ÷ referenceShare"
    )


@describe_structure.register
def _(value: Matrix) -> str:
    users = describe_users(value.users)
    return f"users[i][j] = number of distinct {users}, at both i and j; rate[i][j] = users[i][j] ÷ users[i][i]"


@describe_structure.register
def _(_: VisitOrder) -> str:
    return (
        "per rank: number of stays in whose path the area is first reached at this rank; share = value ÷ sum of the "
        "rank; transitions = number of steps from an area to the next; meanRank = sum of the ranks of an area ÷ number "
        "of stays with it"
    )


# -- events --------------------------------------------------------------------------------------------------------


def list_events(kpi: Kpi) -> list[str]:
    """Return the kinds of events that a KPI is computed from, without uplift."""
    events: dict[str, None] = {}
    for term in kpi.value.terms(Scope.GLOBALS):
        is_of_visits = isinstance(term, UserSet) or term.measures == (VISITS,)
        if term.slice.fact in (OUTCOMES, COHORTS) and is_of_visits:
            events["visits"] = None
        else:
            events |= dict.fromkeys(_EVENTS[term.slice.fact.name])
        columns = {column for column, _ in (*term.slice.fixed, *term.slice.described_by)}
        if "attributed" in columns or term.slice.fact is COHORTS:
            events["touches"] = None
        if isinstance(term, UserSet) and term.attribute:
            events["panelists"] = None
        if isinstance(term, Sums) and {"home_band", "work_band"} & {*term.split}:
            events |= dict.fromkeys(("panelists", "areas"))
    return list(events)
