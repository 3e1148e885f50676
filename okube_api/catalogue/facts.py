"""Declares the facts and their rollups: the columns of a row, the sums and the sets of users.

One declaration serves the ingest (which fills the tables), the stores (which create them) and the planner (which
chooses the smallest table that can answer).
"""

from okube_api.catalogue.fact import ELAPSED, HOUR_OF_DAY, MINUTE_OF_DAY, Fact, Grain, Measure, MemberSet, Span
from okube_api.store.schema import Column, ColumnType, Table

_ALL_SPANS = tuple(Span)

_MAX_SECONDS = 2**29  # 17 years
_MAX_DAYS = 2**18  # 700 years
_MAX_METRES = 2**25  # half of the equator
_MAX_VOLUME = 10**12  # of a delivery
_MAX_AMOUNT_MICRO = 10**15  # of a purchase

# -- when something happens: the columns are described in `fact.py` ----------------------------------------

_HOURS = (Column(ELAPSED, ColumnType.INTEGER), Column(HOUR_OF_DAY, ColumnType.INTEGER))
_CLOCK = (*_HOURS, Column(MINUTE_OF_DAY, ColumnType.INTEGER))
_BY_HOUR = (ELAPSED, HOUR_OF_DAY)
_DAYS = (Span.DAY,)

# -- GPS stays of the panel ------------------------------------------------------------------------------

STAYS = Measure("stays")
DWELL = Measure("dwell", "dwell_s", max_value=_MAX_SECONDS)
# Home and work follow from the user: a condition on them keeps all rows of a user and day, or none.
VISITOR_DAYS = Measure("visitor_days", "visitor_day", distinct_by=("user", "place", "zone", "home", "work"))
GAPS = Measure("gaps", "gap_d", max_value=_MAX_DAYS)
HOME_METRES = Measure("home_metres", "home_m", max_value=_MAX_METRES)
WORK_METRES = Measure("work_metres", "work_m", max_value=_MAX_METRES)

USERS = MemberSet("users")
NEW_AT_PLACE = MemberSet("new_at_place", "new_place")
NEW = MemberSet("new", "new_application")

GEO_STAYS = Fact(
    "geo_stays",
    columns=(
        Column("place", ColumnType.TEXT),  # the site's or point of interest's _id
        Column("zone", ColumnType.TEXT),  # indoor or outdoor
        Column("user", ColumnType.INTEGER),
        Column("start", ColumnType.INTEGER),  # milliseconds since 1970, UTC
        *_CLOCK,  # of the start
        Column("dwell_s", ColumnType.INTEGER),
        Column("weight", ColumnType.INTEGER),  # thousandths
        Column("home", ColumnType.TEXT),  # IRIS codes, null when unknown
        Column("work", ColumnType.TEXT),
        Column("home_m", ColumnType.INTEGER),  # metres to the area's centroid, null when unknown
        Column("work_m", ColumnType.INTEGER),
        Column("os", ColumnType.TEXT),
        Column("manufacturer", ColumnType.TEXT),
        Column("model", ColumnType.TEXT),
        # 1 on the user's first stay of the day at this place and zone, else 0
        Column("visitor_day", ColumnType.INTEGER),
        # on the first stay of a visitor-day: days since the previous visitor-day at this place and zone
        Column("gap_d", ColumnType.INTEGER),
        # 1 on the first stay of a visitor-day: no stay at this place and zone in the 12 months before this day
        Column("new_place", ColumnType.INTEGER),
        Column("new_application", ColumnType.INTEGER),  # 1: no indoor stay at any site of the application either
        Column("dwell_band", ColumnType.INTEGER),  # indices into the application's bands, -1 when unknown
        Column("gap_band", ColumnType.INTEGER),
        Column("home_band", ColumnType.INTEGER),
        Column("work_band", ColumnType.INTEGER),
    ),
    measures=(STAYS, DWELL, VISITOR_DAYS, GAPS, HOME_METRES, WORK_METRES),
    members=(USERS, NEW_AT_PLACE, NEW),
    grains=(
        Grain(
            "place",
            ("place", "zone"),
            (STAYS, DWELL, VISITOR_DAYS, GAPS, HOME_METRES, WORK_METRES),
            members=(USERS, NEW_AT_PLACE, NEW),
            spans=_ALL_SPANS,
        ),  # no grain by home or work: it would have nearly as many rows as the fact
        Grain(
            "zone",  # all places together
            ("zone",),
            (STAYS, DWELL, VISITOR_DAYS, GAPS, HOME_METRES, WORK_METRES),
            members=(USERS, NEW_AT_PLACE, NEW),
            spans=_ALL_SPANS,
            since=2,
        ),
        Grain(
            "hour",
            ("place", "zone", *_BY_HOUR),
            (STAYS, DWELL, VISITOR_DAYS),
            spans=_DAYS,
            since=4,
            only=("zone", "indoor"),  # no sum is of outdoor stays
        ),
        Grain(
            "zone_hour",  # all places together
            ("zone", *_BY_HOUR),
            (STAYS, DWELL, VISITOR_DAYS),
            spans=_DAYS,
            since=5,
            only=("zone", "indoor"),
        ),
        Grain("dwell_band", ("place", "zone", "dwell_band"), (STAYS,)),
        Grain("gap_band", ("place", "zone", "gap_band"), (STAYS,)),
        Grain("home_band", ("place", "zone", "home_band"), (STAYS,)),
        Grain("work_band", ("place", "zone", "work_band"), (STAYS,)),
    ),
    noun="stays",
)

# -- attributes of users: one packed partition (0) per application, for weights and devices by user number -

PANELISTS = Table(
    "panelists",
    (
        Column("user", ColumnType.INTEGER),
        Column("weight", ColumnType.INTEGER),  # thousandths
        Column("home", ColumnType.TEXT),
        Column("work", ColumnType.TEXT),
        Column("os", ColumnType.TEXT),
        Column("manufacturer", ColumnType.TEXT),
        Column("model", ColumnType.TEXT),
    ),
    packed=True,
)

# -- the bands that counts were made with: partition 0 of an application ------------------------------------

BAND_EDGES = Table("band_edges", (Column("bands", ColumnType.TEXT), Column("edge", ColumnType.INTEGER)))

# -- the version of the rollups that the rows of a fact are in: partition 0 of an application -----------------

ROLLUP_VERSION = 5
"""Version 2 has rows by week, the grain `zone` of stays, and the sizes of sets; version 3 has purchases, and visitors
who are new; version 4 has hours; version 5 has hours of GPS stays of all places together.  No row of a fact means
version 1."""
ROLLUP_VERSIONS = Table("rollup_versions", (Column("fact", ColumnType.TEXT), Column("version", ColumnType.INTEGER)))

# -- stays of devices at sites, by Wi-Fi -------------------------------------------------------------------

DROPOUTS = Measure("dropouts", "dropout", weighted=False)
PRESENCE_SESSIONS = Measure("stays", weighted=False)
PRESENCE_DWELL = Measure("dwell", "dwell_s", weighted=False, max_value=_MAX_SECONDS)
PRESENCE_VISITOR_DAYS = Measure(
    "visitor_days", "visitor_day", weighted=False, distinct_by=("user", "site", "equipment")
)
_PRESENCE_MEASURES = (PRESENCE_SESSIONS, PRESENCE_DWELL, PRESENCE_VISITOR_DAYS, DROPOUTS)

_PRESENCE_COLUMNS = (
    Column("user", ColumnType.INTEGER),  # the device's number
    Column("start", ColumnType.INTEGER),  # milliseconds since 1970, UTC
    Column("end", ColumnType.INTEGER),  # the last detection
    *_CLOCK,  # of the start
    Column("dwell_s", ColumnType.INTEGER),
    Column("dwell_band", ColumnType.INTEGER),
    Column("dropout", ColumnType.INTEGER),  # 1: the stay is shorter than the engagement threshold
    Column("visitor_day", ColumnType.INTEGER),  # 1 on the device's first row of the day at this site (and equipment)
    Column("new_place", ColumnType.INTEGER),  # as for GPS stays: new at this site (and equipment)
    Column("new_application", ColumnType.INTEGER),
)

PRESENCE_STAYS = Fact(
    "presence_stays",
    columns=(
        Column("site", ColumnType.TEXT),
        *_PRESENCE_COLUMNS,
        Column("path", ColumnType.TEXTS),  # equipments (_id) in order, consecutive repeats collapsed
    ),
    measures=_PRESENCE_MEASURES,
    members=(USERS, NEW_AT_PLACE, NEW),
    grains=(
        Grain("site", ("site",), _PRESENCE_MEASURES, members=(USERS, NEW_AT_PLACE, NEW), spans=_ALL_SPANS),
        Grain("hour", ("site", *_BY_HOUR), _PRESENCE_MEASURES, spans=_DAYS, since=4),
        Grain("dwell_band", ("site", "dwell_band"), (PRESENCE_SESSIONS,)),
    ),
    noun="stays",
    weight=None,
)

PRESENCE_PASSAGES = Fact(
    "presence_passages",  # one row per stay and distinct equipment of its path, on the stay's day
    columns=(
        Column("site", ColumnType.TEXT),
        Column("equipment", ColumnType.TEXT),
        *_PRESENCE_COLUMNS,  # start, end and dwell_s are those at the equipment; dropout is the stay's
        Column("rank", ColumnType.INTEGER),  # of the first passage there, 1 is the first equipment of the path
    ),
    measures=_PRESENCE_MEASURES,
    members=(USERS, NEW_AT_PLACE, NEW),
    grains=(
        Grain(
            "equipment",
            ("site", "equipment"),
            _PRESENCE_MEASURES,
            members=(USERS, NEW_AT_PLACE, NEW),
            spans=_ALL_SPANS,
            since=2,
        ),
        Grain("hour", ("site", "equipment", *_BY_HOUR), _PRESENCE_MEASURES, spans=_DAYS, since=4),
        Grain("dwell_band", ("site", "equipment", "dwell_band"), (PRESENCE_SESSIONS,)),
        Grain("rank", ("site", "equipment", "rank"), (PRESENCE_SESSIONS,)),
    ),
    noun="passages",
    weight=None,
    starts_later=True,
)

PRESENCE_STEPS = Fact(
    "presence_steps",  # one row per step of a stay's path (as many as its path has equipments), on the stay's day
    columns=(
        Column("site", ColumnType.TEXT),
        Column("equipment", ColumnType.TEXT),  # where the step begins
        Column("next", ColumnType.TEXT),  # where it leads; null after the last equipment: the device left the site
    ),
    measures=(PRESENCE_SESSIONS,),
    members=(),
    grains=(Grain("step", ("site", "equipment", "next"), (PRESENCE_SESSIONS,)),),
    noun="passages",
    weight=None,
    is_stored=False,
)

PRESENCE_EXITS = Fact(
    "presence_exits",  # one row per stay, on the local day of its end
    columns=(
        Column("site", ColumnType.TEXT),
        Column("user", ColumnType.INTEGER),
        Column("path", ColumnType.TEXTS),
        *_CLOCK,  # of the end
    ),
    measures=(PRESENCE_SESSIONS,),
    members=(),
    grains=(
        Grain("site", ("site",), (PRESENCE_SESSIONS,)),
        Grain("hour", ("site", *_BY_HOUR), (PRESENCE_SESSIONS,), spans=_DAYS, since=4),
    ),
    noun="ends of stays",
    weight=None,
)

PRESENCE_PASSAGE_EXITS = Fact(
    "presence_passage_exits",  # one row per stay and distinct equipment of its path, on the local day of the stay's end
    columns=(Column("site", ColumnType.TEXT), Column("equipment", ColumnType.TEXT), *_HOURS),  # hours of the end
    measures=(PRESENCE_SESSIONS,),
    members=(),
    grains=(
        Grain("hour", ("site", "equipment", *_BY_HOUR), (PRESENCE_SESSIONS,), spans=_DAYS, since=4),
        Grain("equipment", ("site", "equipment"), (PRESENCE_SESSIONS,)),
    ),
    noun="passages",
    weight=None,
    is_stored=False,
)

# -- outcomes of campaigns ------------------------------------------------------------------------------------
#
# Grains without `site` hold the rows of every site: a question about most sites subtracts the rows of the others.

VISITS = Measure("visits", "visit")
CONVERSIONS = Measure("conversions", "conversion")
PURCHASES = Measure("purchases", "purchase_count")
REVENUE = Measure("revenue", "revenue_micro", max_value=2**63)  # millionths of the application's currency
DELAY = Measure("delay", "delay_s", max_value=_MAX_SECONDS)
VISITORS = MemberSet("users", "visit")
_OUTCOME_MEASURES = (VISITS, CONVERSIONS, PURCHASES, REVENUE)

_OUTCOME_COLUMNS = (
    Column("site", ColumnType.TEXT),
    Column("channel", ColumnType.TEXT),  # offline or online
    Column("user", ColumnType.INTEGER),
    Column("weight", ColumnType.INTEGER),  # thousandths
    Column("visit", ColumnType.INTEGER),  # 1; 0 for a purchase without a visit
    Column("conversion", ColumnType.INTEGER),  # 1: a visit with at least one purchase
    Column("purchase_count", ColumnType.INTEGER),
    Column("revenue_micro", ColumnType.WIDE_INTEGER),  # of any number of purchases
    Column("campaigns", ColumnType.TEXTS),  # the distinct campaigns (_id) of the path, sorted
)

OUTCOMES = Fact(
    "outcomes",  # a visit with its purchases, or a purchase without a visit, on its local day
    columns=(
        *_OUTCOME_COLUMNS,
        Column("start", ColumnType.INTEGER),  # of the visit or purchase: milliseconds since 1970, UTC
        # 1 on the user's first visit of the day at the site: no visit there in the 12 months before this day
        Column("new_place", ColumnType.INTEGER),
        # 1 on the user's first visit of the day: no visit to any site of the application in these months
        Column("new_application", ColumnType.INTEGER),
        *_CLOCK,  # of the start
        # campaigns (_id) in order, consecutive repeats collapsed; empty when not attributed
        Column("path", ColumnType.TEXTS),
        Column("attributed", ColumnType.INTEGER),  # 1: the path is not empty
        # The next four are about the credited (last) touch; null when the path is empty.
        Column("credited", ColumnType.TEXT),  # its campaign
        Column("touch_kind", ColumnType.TEXT),  # print, click or opening
        Column("touch_day", ColumnType.INTEGER),  # its day in the time zone of the application
        Column("delay_s", ColumnType.INTEGER),  # from it to the visit, in whole seconds; also null without a visit
        Column("delay_band", ColumnType.INTEGER),  # -1 when unknown
    ),
    measures=(*_OUTCOME_MEASURES, DELAY),
    members=(VISITORS, NEW_AT_PLACE, NEW),
    grains=(
        Grain("site", ("site", "channel", "attributed"), _OUTCOME_MEASURES, members=(VISITORS,)),
        Grain("hour", ("site", "channel", "attributed", *_BY_HOUR), _OUTCOME_MEASURES, spans=_DAYS, since=4),
        Grain("campaigns", ("channel", "attributed", "campaigns"), _OUTCOME_MEASURES, spans=_ALL_SPANS),
        Grain("touch", ("credited", "channel", "attributed", "touch_kind"), (VISITS,)),
        Grain("delay", ("credited", "channel", "attributed", "delay_band"), (VISITS, DELAY)),
        Grain("site_touch", ("site", "channel", "attributed", "touch_kind"), (VISITS,)),
        Grain("site_delay", ("site", "channel", "attributed", "delay_band"), (VISITS, DELAY)),
        Grain(
            "visitors",
            ("site", "channel"),
            (VISITS,),
            members=(VISITORS, NEW_AT_PLACE, NEW),
            spans=_ALL_SPANS,
            since=3,
        ),
    ),
    noun="visits and purchases",
)

AMOUNT = Measure("amount", "amount_micro", max_value=_MAX_AMOUNT_MICRO)
REFUNDED = Measure("refunded", "refund_micro", max_value=_MAX_AMOUNT_MICRO)
_PURCHASE_MEASURES = (PURCHASES, AMOUNT, REFUNDED)

PURCHASE_FACT = Fact(
    "purchases",  # one row per purchase or refund, attributed or not, on its local day
    columns=(
        Column("site", ColumnType.TEXT),
        Column("channel", ColumnType.TEXT),  # offline or online
        Column("user", ColumnType.INTEGER),
        Column("weight", ColumnType.INTEGER),  # thousandths
        Column("start", ColumnType.INTEGER),  # milliseconds since 1970, UTC
        *_CLOCK,  # of the start
        Column("purchase_count", ColumnType.INTEGER),  # 1; 0 for a refund
        Column("amount_micro", ColumnType.INTEGER),  # of a purchase, 0 for a refund: millionths of the currency
        Column("refund_micro", ColumnType.INTEGER),  # of a refund, positive; 0 for a purchase
        Column("basket_band", ColumnType.INTEGER),  # of the amount; -1 for a refund
        Column("attributed", ColumnType.INTEGER),  # 1: its outcome is attributed to a campaign
    ),
    measures=_PURCHASE_MEASURES,
    members=(),
    grains=(
        Grain("site", ("site", "channel", "attributed"), _PURCHASE_MEASURES, spans=_ALL_SPANS, since=3),
        Grain("hour", ("site", "channel", "attributed", *_BY_HOUR), _PURCHASE_MEASURES, spans=_DAYS, since=4),
        Grain("basket_band", ("site", "channel", "basket_band"), (PURCHASES,), since=3),
    ),
    noun="purchases",
)

COHORTS = Fact(
    "cohorts",  # the attributed outcomes, on the day of their credited touch
    columns=_OUTCOME_COLUMNS,
    measures=_OUTCOME_MEASURES,
    members=(),
    grains=(
        Grain("site", ("site", "channel"), _OUTCOME_MEASURES),
        Grain("campaigns", ("channel", "campaigns"), _OUTCOME_MEASURES),
    ),
    noun="attributed visits and purchases",
)

CREDITED = Measure("visits")
OCCURRENCES = Measure("occurrences", "occurrence_count")
FIRST = Measure("first", "is_first")
LAST = Measure("last", "is_last")

CREDITS = Fact(
    "credits",  # one row per attributed visit (not: purchase without one) and distinct campaign, on the visit's day
    columns=(
        Column("site", ColumnType.TEXT),
        Column("channel", ColumnType.TEXT),
        Column("user", ColumnType.INTEGER),
        Column("weight", ColumnType.INTEGER),
        Column("campaign", ColumnType.TEXT),
        *_CLOCK,  # of the start of the visit
        Column("touches", ColumnType.INTEGER),  # n, the length of the path: Linear gives occurrences / n
        Column("distinct", ColumnType.INTEGER),  # k, the distinct campaigns of the path: Shapley gives 1 / k
        Column("occurrence_count", ColumnType.INTEGER),  # how often the campaign occurs in the path
        Column("is_first", ColumnType.INTEGER),  # 1: the path starts with it
        Column("is_last", ColumnType.INTEGER),  # 1: the path ends with it
    ),
    measures=(CREDITED, OCCURRENCES, FIRST, LAST),
    members=(USERS,),
    grains=(
        Grain("touches", ("campaign", "channel", "touches"), (OCCURRENCES, FIRST, LAST), spans=_ALL_SPANS),
        Grain("distinct", ("campaign", "channel", "distinct"), (CREDITED,), spans=_ALL_SPANS),
        Grain("site_touches", ("site", "channel", "touches"), (OCCURRENCES, FIRST, LAST)),
        Grain("site_distinct", ("site", "channel", "distinct"), (CREDITED,)),
        Grain("users", ("campaign", "channel"), (), members=(USERS,)),
        Grain("site_users", ("site", "channel"), (), members=(USERS,)),
    ),
    noun="attributed visits",
)

EXPOSURES = Fact(
    "exposures",  # a user a campaign reached on a day of the application's zone
    columns=(
        Column("campaign", ColumnType.TEXT),
        Column("user", ColumnType.INTEGER),
        Column("start", ColumnType.INTEGER),  # of the first touch of the day: milliseconds since 1970, UTC
        Column("weight", ColumnType.INTEGER),
        Column("control", ColumnType.INTEGER),  # 1: in the control group; both kinds on one day are two rows
    ),
    measures=(),
    members=(USERS,),
    grains=(Grain("campaign", ("campaign", "control"), (), members=(USERS,)),),
    noun="exposures",
)

PRINTS = Measure("prints", "print_count", weighted=False, max_value=_MAX_VOLUME)
CLICKS = Measure("clicks", "click_count", weighted=False, max_value=_MAX_VOLUME)
OPENINGS = Measure("openings", "opening_count", weighted=False, max_value=_MAX_VOLUME)

DELIVERIES = Fact(
    "deliveries",  # what the media platform counts, by campaign, day and site; costs are computed from it
    columns=(
        Column("campaign", ColumnType.TEXT),
        Column("site", ColumnType.TEXT),  # null when the delivery names none
        Column("print_count", ColumnType.INTEGER),
        Column("click_count", ColumnType.INTEGER),
        Column("opening_count", ColumnType.INTEGER),
    ),
    measures=(PRINTS, CLICKS, OPENINGS),
    members=(),
    grains=(Grain("campaign", ("campaign", "site"), (PRINTS, CLICKS, OPENINGS)),),
    noun="deliveries",
    weight=None,
)

FACTS: tuple[Fact, ...] = (
    GEO_STAYS,
    PRESENCE_STAYS,
    PRESENCE_PASSAGES,
    PRESENCE_STEPS,
    PRESENCE_EXITS,
    PRESENCE_PASSAGE_EXITS,
    OUTCOMES,
    PURCHASE_FACT,
    COHORTS,
    CREDITS,
    EXPOSURES,
    DELIVERIES,
)
