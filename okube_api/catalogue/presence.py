"""The 13 KPIs of presence: stays of devices at sites, and their passages at equipments (areas)."""

from okube_api.catalogue.bands import Bands
from okube_api.catalogue.expressions.amplitude import Amplitude
from okube_api.catalogue.expressions.composites import Ratio, Scoped
from okube_api.catalogue.expressions.distributions import Distribution
from okube_api.catalogue.expressions.matrix import Matrix
from okube_api.catalogue.expressions.numbers import Distinct, Minus, ScopedNumber, Total
from okube_api.catalogue.expressions.order import PathOrder, VisitOrder
from okube_api.catalogue.fact import Fact, Measure
from okube_api.catalogue.facts import (
    DROPOUTS,
    NEW,
    NEW_AT_PLACE,
    PRESENCE_DWELL,
    PRESENCE_EXITS,
    PRESENCE_PASSAGE_EXITS,
    PRESENCE_PASSAGES,
    PRESENCE_SESSIONS,
    PRESENCE_STAYS,
    PRESENCE_STEPS,
    PRESENCE_VISITOR_DAYS,
    USERS,
)
from okube_api.catalogue.kpi import Kpi, KpiKind, LeafShape, Unit
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.catalogue.terms import Slice, Sums, UserSet
from okube_api.catalogue.value import Number

MOST_AREAS = 100

_SCOPES = (Scope.SITES, Scope.EQUIPMENTS)


def _slice(fact: Fact, equipment: str) -> Slice:
    return Slice(fact, (PlaceRole.SITES, "site"), ((Scope.SITES, "site"), (Scope.EQUIPMENTS, equipment)))


AT_SITES = _slice(PRESENCE_STAYS, "path")  # with a filter on equipments: the stays with a passage at one of them
AT_EQUIPMENTS = _slice(PRESENCE_PASSAGES, "equipment")
OUT_OF_SITES = _slice(PRESENCE_EXITS, "path")
OUT_OF_EQUIPMENTS = _slice(PRESENCE_PASSAGE_EXITS, "equipment")


def _areas(fact: Fact, equipment: str) -> Slice:
    """Return rows whose equipments are items of a leaf, not scope values."""
    by_site = (Scope.SITES, "site")
    return Slice(fact, (PlaceRole.SITES, "site"), (by_site,), filters=((Scope.EQUIPMENTS, equipment),))


AREAS = _areas(PRESENCE_PASSAGES, "equipment")
STEPS = _areas(PRESENCE_STEPS, "equipment")
PATHS = _areas(PRESENCE_STAYS, "path")


def _total(measure: Measure, at_sites: Slice = AT_SITES, at_equipments: Slice = AT_EQUIPMENTS) -> Number:
    """Build a sum over stays; by equipments, over passages."""
    return ScopedNumber(Total(measure, at_sites), overrides=((Scope.EQUIPMENTS, Total(measure, at_equipments)),))


_sessions = _total(PRESENCE_SESSIONS)
_visitors = ScopedNumber(
    Distinct((UserSet(AT_SITES, USERS),)), overrides=((Scope.EQUIPMENTS, Distinct((UserSet(AT_EQUIPMENTS, USERS),))),)
)
_new = ScopedNumber(
    Distinct((UserSet(AT_SITES, NEW),)),
    overrides=(
        (Scope.SITES, Distinct((UserSet(AT_SITES, NEW_AT_PLACE),))),
        (Scope.EQUIPMENTS, Distinct((UserSet(AT_EQUIPMENTS, NEW_AT_PLACE),))),
    ),
)

ACQUISITION = Kpi(
    "acquisition",
    value=_new,
    unit=Unit.COUNT,
    kind=KpiKind.SCOPED,
    scopes=_SCOPES,
    title="Devices new in the bucket: none of their stays in the 12 months before that day "
    "(at any site of the application; by site or equipment: at that one).",
    meaning="How many devices are new: sensors did not see them during the last year.",
)
AREA_MATCHING = Kpi(
    "areaMatching",
    value=Matrix(UserSet(AREAS, USERS, split=("equipment",)), MOST_AREAS),
    unit=Unit.MIXED,
    kind=KpiKind.COMPOSITE,
    scopes=_SCOPES,
    title=f"For each pair of areas, the devices seen in both, and their share of those seen in the area of the row; "
    f"the {MOST_AREAS} busiest areas. By equipments, the row of that area.",
    leaf=LeafShape.MATRIX,
    meaning="Which areas of a shop are visited by the same people.",
)
ATTENDANCE = Kpi(
    "attendance",
    value=_total(PRESENCE_VISITOR_DAYS),
    unit=Unit.COUNT,
    kind=KpiKind.ADDITIVE,
    scopes=_SCOPES,
    title="Visitor-days: distinct (device, site or equipment, local day) with at least one stay.",
    meaning="How busy a shop or an area is, in devices per day: one that comes twice on a day counts once.",
)
DROPPED_OUT = Kpi(
    "dropouts",
    value=_total(DROPOUTS),
    unit=Unit.COUNT,
    kind=KpiKind.ADDITIVE,
    scopes=_SCOPES,
    title="Stays shorter than the engagement threshold.",
    meaning="How many people leave almost at once.",
)
ENTERING = Kpi(
    "entering",
    value=_sessions,
    unit=Unit.COUNT,
    kind=KpiKind.ADDITIVE,
    scopes=_SCOPES,
    title="Stays that start in the bucket.",
    meaning="How many people come in.",
)
LEAVING = Kpi(
    "leaving",
    value=_total(PRESENCE_SESSIONS, OUT_OF_SITES, OUT_OF_EQUIPMENTS),
    unit=Unit.COUNT,
    kind=KpiKind.ADDITIVE,
    scopes=_SCOPES,
    title="Stays that end in the bucket, at their last detection.",
    meaning="How many people go out; entering less leaving, summed up, is how many are inside.",
)


def _amplitude(where: Slice) -> Amplitude:
    days = UserSet(where, USERS, daily=True, span=("start", "end"))
    return Amplitude(days, Bands.DWELL, unit="s", counted="userDays")


RANGE_AMPLITUDE = Kpi(
    "rangeAmplitude",
    value=Scoped(_amplitude(AT_SITES), overrides=((Scope.EQUIPMENTS, _amplitude(AT_EQUIPMENTS)),)),
    unit=Unit.SECONDS,
    kind=KpiKind.DISTRIBUTION,
    scopes=_SCOPES,
    title="Days of a device at a site (or equipment) per band of time from its first entry to its last exit, "
    "absences included.",
    leaf=LeafShape.DISTRIBUTION,
    meaning="How much of a day lies between the first entry and the last exit of a device.",
)
RETURNING = Kpi(
    "returning",
    value=Minus(_visitors, _new),
    unit=Unit.COUNT,
    kind=KpiKind.DISTINCT,
    scopes=_SCOPES,
    title="Distinct devices that are not new: uniqUsers less acquisition.",
    meaning="How many devices come back: sensors saw them during the last year already.",
)
SESSIONS = Kpi(
    "sessions",
    value=_sessions,
    unit=Unit.COUNT,
    kind=KpiKind.ADDITIVE,
    scopes=_SCOPES,
    title="Stays; by equipments, those with a passage there.",
    meaning="How often people are in the shop, or in an area of it.",
)
TIMESPENT = Kpi(
    "timespent",
    value=Ratio(_total(PRESENCE_DWELL), _sessions),
    unit=Unit.SECONDS,
    kind=KpiKind.RATIO,
    scopes=_SCOPES,
    title="Average dwell of the stays; by equipments, of the passages there.",
    meaning="How long people stay on average, in the shop or in an area of it.",
)


def _by_dwell(where: Slice) -> Distribution:
    return Distribution(
        where, PRESENCE_SESSIONS, "dwell_band", PRESENCE_DWELL, Bands.DWELL, unit="s", counted="sessions"
    )


TIMESPENT_PER_SCOPE = Kpi(
    "timespentPerScope",
    value=Scoped(_by_dwell(AT_SITES), overrides=((Scope.EQUIPMENTS, _by_dwell(AT_EQUIPMENTS)),)),
    unit=Unit.COUNT,
    kind=KpiKind.DISTRIBUTION,
    scopes=_SCOPES,
    title="Stays per band of dwell; by equipments, passages.",
    leaf=LeafShape.DISTRIBUTION,
    meaning="Whether people stay for a short or a long time.",
)
UNIQ_USERS = Kpi(
    "uniqUsers",
    value=_visitors,
    unit=Unit.COUNT,
    kind=KpiKind.DISTINCT,
    scopes=_SCOPES,
    title="Distinct devices with at least one stay.",
    meaning="How many different devices come; one that comes five times counts once.",
)
_by_paths = PathOrder(Sums(PATHS, (PRESENCE_SESSIONS,), split=("user", "path")), MOST_AREAS)
VISIT_ORDER = Kpi(
    "visitOrder",
    value=VisitOrder(
        UserSet(AREAS, USERS, split=("equipment",)),
        ranks=Sums(AREAS, (PRESENCE_SESSIONS,), split=("equipment", "rank")),
        steps=Sums(STEPS, (PRESENCE_SESSIONS,), split=("equipment", "next")),
        most_areas=MOST_AREAS,
    ),
    unit=Unit.MIXED,
    kind=KpiKind.COMPOSITE,
    scopes=_SCOPES,
    title=f"The rank of each area (of its first passage) in the paths of stays, and the steps from area to area; the "
    f"{MOST_AREAS} busiest areas. By equipments, the items of that area and the steps that leave it. A filter on "
    "equipments keeps stays, and shows every area of their paths.",
    leaf=LeafShape.ORDER,
    filtered=((Scope.EQUIPMENTS, _by_paths),),
    hourly=_by_paths,  # the whole path belongs to the hour of its stay
    meaning="In which order people walk through the areas of a shop.",
)

PRESENCE = (
    ACQUISITION,
    AREA_MATCHING,
    ATTENDANCE,
    DROPPED_OUT,
    ENTERING,
    LEAVING,
    RANGE_AMPLITUDE,
    RETURNING,
    SESSIONS,
    TIMESPENT,
    TIMESPENT_PER_SCOPE,
    UNIQ_USERS,
    VISIT_ORDER,
)
