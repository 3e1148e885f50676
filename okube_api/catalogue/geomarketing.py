"""The 18 KPIs of geo-marketing: stays of a panel at the sites and POIs of a study."""

from okube_api.catalogue.bands import Bands
from okube_api.catalogue.expressions.affinity import Affinity
from okube_api.catalogue.expressions.breakdowns import AttributeBreakdown, Breakdown
from okube_api.catalogue.expressions.composites import Ratio, Record, Scoped
from okube_api.catalogue.expressions.distributions import Distribution, Frequency
from okube_api.catalogue.expressions.numbers import Distinct, Minus, ScopedNumber, Total
from okube_api.catalogue.expressions.visitors import VisitorBreakdown, VisitorTotal
from okube_api.catalogue.facts import (
    DWELL,
    GAPS,
    GEO_STAYS,
    HOME_METRES,
    NEW,
    NEW_AT_PLACE,
    STAYS,
    USERS,
    VISITOR_DAYS,
    WORK_METRES,
)
from okube_api.catalogue.kpi import Kpi, KpiKind, LeafShape, Unit
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.catalogue.terms import Slice, UserSet

_AREAS = ((Scope.HOMES, "home"), (Scope.WORKS, "work"))
_BY_SITE = (Scope.SITES, Scope.HOMES, Scope.WORKS, Scope.ZONES)

AROUND_SITES = Slice(GEO_STAYS, (PlaceRole.SITES, "place"), ((Scope.SITES, "place"), *_AREAS))
AT_SITES = AROUND_SITES.only("zone", "indoor")
AT_POIS = Slice(GEO_STAYS, (PlaceRole.POIS, "place"), ((Scope.POIS, "place"), *_AREAS)).only("zone", "indoor")
AT_STUDY = Slice(GEO_STAYS, (PlaceRole.STUDY, "place"), _AREAS).only("zone", "indoor")

_stays = Total(STAYS, AT_SITES)
_poi_stays = Total(STAYS, AT_POIS)
_visitors = Distinct((UserSet(AT_SITES, USERS),))
_seen = Distinct((UserSet(AROUND_SITES, USERS),))
_new = ScopedNumber(
    Distinct((UserSet(AT_SITES, NEW),)),
    overrides=((Scope.SITES, Distinct((UserSet(AT_SITES, NEW_AT_PLACE),))),),
)

ACQUISITION = Kpi(
    "acquisition",
    value=_new,
    unit=Unit.COUNT,
    kind=KpiKind.SCOPED,
    scopes=_BY_SITE,
    title="Users new in the bucket: none of their stays in the 12 months before that day "
    "(at any site of the application; by site: at that site).",
    meaning="How many people discover your shops: they were in none of them during the last year.",
)
ATTENDANCE = Kpi(
    "attendance",
    value=Total(VISITOR_DAYS, AT_SITES),
    unit=Unit.COUNT,
    kind=KpiKind.ADDITIVE,
    scopes=_BY_SITE,
    title="Visitor-days: distinct (user, site, local day) with at least one stay.",
    meaning="How busy your shops are, in people per day: one person who comes twice on a day counts once.",
)
RETURNING = Kpi(
    "returning",
    value=Minus(_visitors, _new),
    unit=Unit.COUNT,
    kind=KpiKind.DISTINCT,
    scopes=_BY_SITE,
    title="Distinct users who are not new: uniqUsers less acquisition.",
    meaning="How many people come back: they were in your shops during the last year already.",
)
POS_SESSIONS = Kpi(
    "posSessions",
    value=_stays,
    unit=Unit.COUNT,
    kind=KpiKind.ADDITIVE,
    scopes=_BY_SITE,
    title="Stays at the study's sites.",
    meaning="How often people are in your shops; someone who comes twice counts twice.",
)
POI_SESSIONS = Kpi(
    "poiSessions",
    value=ScopedNumber(_poi_stays, overrides=((Scope.SITES, VisitorTotal(UserSet(AT_SITES, USERS), _poi_stays)),)),
    unit=Unit.COUNT,
    kind=KpiKind.ADDITIVE,
    scopes=(*_BY_SITE, Scope.POIS),
    title="Stays at the study's points of interest; by sites, those of users with a stay at the site in the period "
    "(a user of several sites counts for each).",
    meaning="How often people are at the other places of your study, such as competitors or a station.",
)
TIMESPENT = Kpi(
    "timespent",
    value=Ratio(Total(DWELL, AT_SITES), _stays),
    unit=Unit.SECONDS,
    kind=KpiKind.RATIO,
    scopes=_BY_SITE,
    title="Average dwell of the stays.",
    meaning="How long people stay in your shops on average.",
)
TIMESPENT_PER_SCOPE = Kpi(
    "timespentPerScope",
    value=Distribution(AT_SITES, STAYS, "dwell_band", DWELL, Bands.DWELL, unit="s", counted="sessions"),
    unit=Unit.COUNT,
    kind=KpiKind.DISTRIBUTION,
    scopes=_BY_SITE,
    title="Stays per band of dwell.",
    leaf=LeafShape.DISTRIBUTION,
    meaning="Whether stays are short or long: the average alone hides whether all stay 10 minutes or half of them 20.",
)
UNIQ_USERS = Kpi(
    "uniqUsers",
    value=_visitors,
    unit=Unit.COUNT,
    kind=KpiKind.DISTINCT,
    scopes=_BY_SITE,
    title="Distinct users with at least one stay.",
    meaning="How many different people come; someone who comes five times counts once.",
)
RETURNING_PER_SCOPE = Kpi(
    "returningPerScope",
    value=Frequency(UserSet(AT_SITES, USERS, daily=True), Bands.VISITS, unit="n", counted="users"),
    unit=Unit.COUNT,
    kind=KpiKind.DISTRIBUTION,
    scopes=_BY_SITE,
    title="Users per number of visitor-days.",
    leaf=LeafShape.DISTRIBUTION,
    meaning="How faithful people are: how many came on one day, on two, and so on; two shops on one day are two.",
)
RETURNING_FREQUENCY_PER_SCOPE = Kpi(
    "returningFrequencyPerScope",
    value=Distribution(AT_SITES, STAYS, "gap_band", GAPS, Bands.GAP, unit="d", counted="intervals", known_only=True),
    unit=Unit.COUNT,
    kind=KpiKind.DISTRIBUTION,
    scopes=_BY_SITE,
    title="Intervals between consecutive visitor-days of one user at the same site, per band of days.",
    leaf=LeafShape.DISTRIBUTION,
    meaning="How long people wait before they come to the same shop again.",
)


def _device(name: str, title: str, labels: tuple[tuple[str, str], ...] = (), *, meaning: str) -> Kpi:
    return Kpi(
        name,
        value=AttributeBreakdown(UserSet(AT_SITES, USERS, attribute=name), labels=labels),
        unit=Unit.COUNT,
        kind=KpiKind.DISTINCT,
        scopes=_BY_SITE,
        title=title,
        meaning=meaning,
        leaf=LeafShape.BREAKDOWN,
    )


OS = _device(
    "os",
    "Distinct users per operating system of their device.",
    labels=(("android", "Android"), ("ios", "iOS")),
    meaning="Which operating systems the phones of your visitors have.",
)
MODEL = _device("model", "Distinct users per model of their device.", meaning="Which phones your visitors have.")
MANUFACTURER = _device(
    "manufacturer", "Distinct users per manufacturer of their device.", meaning="Who made the phones of your visitors."
)
VISITOR_VS_PEDESTRIAN = Kpi(
    "visitorVsPedestrian",
    value=Record(
        (
            ("visitor", _visitors),
            ("pedestrian", Minus(_seen, _visitors)),
            ("captureRate", Ratio(_visitors, _seen)),
        )
    ),
    unit=Unit.MIXED,
    kind=KpiKind.COMPOSITE,
    scopes=_BY_SITE,
    title="Users with a stay in indoor cells, users seen in outdoor cells only, and the share of the former.",
    leaf=LeafShape.CAPTURE,
    meaning="How many of the people in front of your shops come in.",
)
PER_POI_SESSIONS = Kpi(
    "perPoiSessions",
    value=Scoped(
        Breakdown(_poi_stays, by=Scope.POIS, shape="labelled"),
        overrides=((Scope.SITES, VisitorBreakdown(UserSet(AT_SITES, USERS), _poi_stays, by=Scope.POIS)),),
    ),
    unit=Unit.COUNT,
    kind=KpiKind.ADDITIVE,
    scopes=_BY_SITE,
    title="Stays at the study's points of interest, by point of interest; by sites, those of users with a stay at the "
    "site in the period.",
    leaf=LeafShape.BREAKDOWN,
    meaning="Which of the other places of your study people are at, and how often.",
)
POS_AFFINITY = Kpi(
    "posAffinity",
    value=Affinity(
        UserSet(AT_SITES, USERS),
        poi_visitors=UserSet(AT_POIS, USERS, split=("place",)),
        reference_users=UserSet(AT_STUDY, USERS),
    ),
    unit=Unit.INDEX,
    kind=KpiKind.RATIO,
    scopes=_BY_SITE,
    title="Per point of interest: 100 times the share of the sites' visitors also seen there, over the share "
    "seen there of all users with a stay at any site or point of interest of the study; by area, of its users.",
    leaf=LeafShape.AFFINITY,
    meaning="Where else your visitors go more often than other people do: 100 is as often, 200 twice as often.",
)


def _distance(name: str, band: str, end: str, *, meaning: str) -> Kpi:
    metres = {"home": HOME_METRES, "work": WORK_METRES}[end]
    return Kpi(
        name,
        value=Distribution(AT_SITES, STAYS, band, metres, Bands.DISTANCE, unit="m", counted="sessions"),
        unit=Unit.COUNT,
        kind=KpiKind.DISTRIBUTION,
        scopes=_BY_SITE,
        title=f"Stays per band of great-circle distance between the site and the centre of the {end} area.",
        meaning=meaning,
        leaf=LeafShape.DISTRIBUTION,
    )


HOME_DISTANCE = _distance(
    "homeDistanceVisitsPerScope", "home_band", "home", meaning="How far from your shops your visitors live."
)
WORK_DISTANCE = _distance(
    "workDistanceVisitsPerScope", "work_band", "work", meaning="How far from your shops your visitors work."
)

GEO_MARKETING = (
    ACQUISITION,
    ATTENDANCE,
    RETURNING,
    POS_SESSIONS,
    POI_SESSIONS,
    TIMESPENT,
    TIMESPENT_PER_SCOPE,
    UNIQ_USERS,
    RETURNING_PER_SCOPE,
    RETURNING_FREQUENCY_PER_SCOPE,
    OS,
    MODEL,
    MANUFACTURER,
    VISITOR_VS_PEDESTRIAN,
    PER_POI_SESSIONS,
    POS_AFFINITY,
    HOME_DISTANCE,
    WORK_DISTANCE,
)
