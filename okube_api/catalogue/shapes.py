"""A description and an example of each shape of a leaf, for the documentation."""

from collections.abc import Mapping
from typing import Any

from okube_api.catalogue.kpi import LeafShape

DESCRIPTIONS: Mapping[LeafShape, str] = {
    LeafShape.NUMBER: "A number, or `null` where it is not defined.",
    LeafShape.DISTRIBUTION: "A count per band `[from, to)`; the last band has no `to`. Shares leave out the unknown.",
    LeafShape.BREAKDOWN: "A count per item, the greatest first. Shares leave out the unknown.",
    LeafShape.CAPTURE: "Visitors, users who only passed by, and the share of visitors.",
    LeafShape.VISITS_AND_CONVERSIONS: "Visits, visits with a purchase, and the ratio of the two.",
    LeafShape.ATTRIBUTIONS: "The same outcomes under four models, and by participation.",
    LeafShape.TWO_TOUCHES: "Contacts by kind, the visits whose credited touch is of that kind, and their share.",
    LeafShape.THREE_TOUCHES: "The same, with openings.",
    LeafShape.LEVER: "The main figures in one object, each equal to the KPI of the same name.",
    LeafShape.COMPARISON: "Exposed users and a control group; `ci95` is the 95% interval of the lift. Without a "
    "control group, these are null.",
    LeafShape.AFFINITY: "Per point of interest: visitors also seen there, their share, the share of all users, and "
    "100 times the ratio of the two shares.",
    LeafShape.MATRIX: "`users[i][j]` is the number of users seen in both areas (or sites); `rate` is that over "
    "`users[i][i]`.",
    LeafShape.ORDER: "The areas by their rank in a path, the steps from area to area (`null`: left the site), and the "
    "mean rank of each area.",
    LeafShape.PER_CAMPAIGN: "A credit per campaign; the credits sum to the total.",
}

RATE_FIELDS = frozenset(
    {"rate", "share", "captureRate", "ctr", "venueRate", "roi", "referenceShare", "lift", "attributedShare"}
)
"""The fields of leaves that are rates: their change is a difference, that of all others is relative."""

COUNT_FIELDS = frozenset({"value", "visitors", "users", "total", "unknown"})
"""The fields that are 0 where an item of a leaf is missing; the others are null then."""

UNCOMPARED_FIELDS = frozenset({"ci95", "significant"})
"""The fields of leaves that have no change: they say how certain a value is."""

_TOUCHES = {
    "print": {"contacts": 90210, "visits": 310, "share": 0.6858},
    "click": {"contacts": 1204, "visits": 98, "share": 0.2168},
}
_USERS = {"users": 1000, "visitors": 52, "rate": 0.052}

EXAMPLES: Mapping[LeafShape, Any] = {
    LeafShape.NUMBER: 412.5,
    LeafShape.DISTRIBUTION: {
        "unit": "s",
        "measure": "sessions",
        "bins": [
            {"from": 0, "to": 300, "value": 120, "share": 0.24},
            {"from": 300, "to": None, "value": 380, "share": 0.76},
        ],
        "unknown": 0,
        "total": 500,
        "mean": 812.4,
        "median": None,
    },
    LeafShape.BREAKDOWN: {
        "items": [
            {"key": "android", "label": "Android", "value": 812, "share": 0.6349},
            {"key": "ios", "label": "iOS", "value": 467, "share": 0.3651},
        ],
        "unknown": 52,
        "total": 1331,
    },
    LeafShape.CAPTURE: {"visitor": 412, "pedestrian": 3890, "captureRate": 0.0958},
    LeafShape.VISITS_AND_CONVERSIONS: {"visits": 410, "conversions": 37, "rate": 0.0902},
    LeafShape.ATTRIBUTIONS: {"linear": 12.4, "shapley": 13.1, "fc": 9, "lc": 15, "participation": 21},
    LeafShape.TWO_TOUCHES: {
        "print": {"contacts": 90210, "visits": 310, "share": 0.7598},
        "click": {"contacts": 1204, "visits": 98, "share": 0.2402},
    },
    LeafShape.THREE_TOUCHES: {**_TOUCHES, "opening": {"contacts": 5400, "visits": 44, "share": 0.0973}},
    LeafShape.LEVER: {
        "prints": 90210,
        "clicks": 1204,
        "openings": 0,
        "cost": 1200.5,
        "offlineVisits": 410,
        "onlineVisits": 0,
        "offlineConversions": 37,
        "onlineConversions": 0,
        "revenues": 2100,
        "ctr": 0.0133,
        "venueRate": 0.041,
        "costByVisit": 2.928,
        "roi": 0.7493,
    },
    LeafShape.COMPARISON: {
        "exposed": _USERS,
        "control": {"users": 1000, "visitors": 40, "rate": 0.04},
        "lift": 0.3,
        "incrementalVisitors": 12,
        "ci95": [-0.131, 0.9448],
        "significant": False,
    },
    LeafShape.AFFINITY: {
        "items": [
            {
                "poi": "5e1834b0e12d62a85b388a1b",
                "key": "my-poi",
                "visitors": 84,
                "share": 0.21,
                "referenceShare": 0.14,
                "index": 150,
            }
        ],
        "visitors": 400,
    },
    LeafShape.MATRIX: {"areas": ["eq-a", "eq-b"], "users": [[300, 120], [120, 210]], "rate": [[1, 0.4], [0.5714, 1]]},
    LeafShape.ORDER: {
        "ranks": [
            {"rank": 1, "items": [{"key": "eq-a", "value": 220, "share": 1}]},
            {"rank": 2, "items": [{"key": "eq-b", "value": 110, "share": 1}]},
        ],
        "transitions": [
            {"from": "eq-a", "to": "eq-b", "value": 110},
            {"from": "eq-a", "to": None, "value": 110},
            {"from": "eq-b", "to": None, "value": 110},
        ],
        "meanRank": {"eq-a": 1, "eq-b": 2},
    },
    LeafShape.PER_CAMPAIGN: {
        "items": [{"campaign": "5e1834b0e12d62a85b388a1b", "key": "my-campaign", "value": 42.5, "share": 0.3102}],
        "total": 137,
    },
}
