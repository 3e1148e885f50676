"""Examples of bodies and answers in the OpenAPI document; a test validates them against their models."""

from collections.abc import Mapping

from pydantic import BaseModel

from okube_api.applications.schemas import ApplicationAnswer, ApplicationCreate, ApplicationUpdate
from okube_api.auth.schemas import KeyCreate, Login, MemberCreate, MemberUpdate, PasswordChange
from okube_api.campaigns.schemas import CampaignCreate, CampaignUpdate, LeverCreate
from okube_api.kit.application import ApplicationSettings
from okube_api.pois.schemas import PoiCreate, PoiUpdate
from okube_api.sites.schemas import SiteAnswer, SiteCreate, SiteUpdate
from okube_api.store.values import Json
from okube_api.studies.schemas import StudyAnswer, StudyCreate, StudyUpdate
from okube_api.views.schemas import ViewAnswer, ViewCreate, ViewUpdate

_TIMESTAMPS: Json = {"createdAt": "2019-03-28T09:25:15.000Z", "updatedAt": "2019-03-28T09:25:15.000Z"}
_IDS: Json = {"_id": "5e1834b0e12d62a85b388a1b", "application": "5e1834b0e12d62a85b388a0f"}
_ADDRESS: Json = {"streetNumber": "1", "street": "place Bellecour", "postalCode": "69002", "city": "Lyon"}
_SITE: Json = {
    "key": "lyon-2",
    "name": "Lyon Bellecour",
    "online": False,
    "address": _ADDRESS | {"country": "France"},
    "coordinates": [4.8320, 45.7578],
    "tags": ["flagship"],
    "openings": {"monday": [["09:00", "12:30"], ["14:00", "19:00"]]},
}
_STUDY: Json = {"key": "rivals", "name": "Bellecour and its rivals", "from": "2019-03-01", "to": "2019-03-31"}
_VIEW: Json = {
    "name": "Monday morning",
    "path": "overview",
    "query": "period=last-week&compare=previousYearSameWeekday",
    "shared": True,
}
_APPLICATION: Json = {"key": "demo", "name": "Demonstration", "timezone": "Europe/Paris", "currency": "EUR"}
_CAMPAIGN: Json = {"key": "spring", "name": "Spring sale", "provider": "Adverline", "format": "banner"}

EXAMPLES: Mapping[type[BaseModel], Json] = {
    Login: {"login": "demo@okube.example", "password": "the password that was printed"},
    PasswordChange: {"current": "the old password", "new": "a new one of twelve or more"},
    KeyCreate: {"name": "nightly import", "applications": ["demo"], "role": "editor"},
    MemberCreate: {"login": "jeanne@example.com", "password": "a first password", "role": "reader"},
    MemberUpdate: {"role": "editor"},
    ApplicationCreate: _APPLICATION,
    ApplicationUpdate: {"settings": {"attribution": {"windows": {"click": 14}}}},
    ApplicationAnswer: {
        "_id": _IDS["application"],
        **_APPLICATION,
        "active": True,
        "settings": ApplicationSettings().model_dump(by_alias=True),
        **_TIMESTAMPS,
    },
    SiteCreate: {"app": "demo", **_SITE},
    SiteUpdate: {"name": "Lyon Presqu'île", "tags": None},
    SiteAnswer: {
        **_IDS,
        "keys": [],
        **_SITE,
        "active": True,
        "inProd": True,
        "hasDraft": False,
        "timezone": "Europe/Paris",
        "radius": 30,
        "indoorIndexes": {"resolution": 12, "indexes": ["8c1f902097427ff"]},
        "thumbnail": None,
        **_TIMESTAMPS,
    },
    PoiCreate: {"app": "demo", "key": "part-dieu", "name": "Gare de la Part-Dieu", "coordinates": [4.8595, 45.7606]},
    PoiUpdate: {"radius": 120},
    CampaignCreate: {
        "app": "demo",
        **_CAMPAIGN,
        "from": "2019-03-01",
        "to": "2019-03-31",
        "sites": ["lyon-2"],
        "costs": [{"type": "cpm", "amount": 4.5}],
        "extra": {"segment": "vip"},
    },
    CampaignUpdate: {"tags": ["spring"], "windows": {"click": 14}},
    LeverCreate: {"key": "display", "name": "Display", "match": {"format": ["banner"]}},
    StudyCreate: {"app": "demo", **_STUDY, "sites": ["lyon-2"], "pois": ["part-dieu"]},
    StudyUpdate: {"to": "2019-04-30", "tags": ["2019"]},
    StudyAnswer: {
        **_IDS,
        **_STUDY,
        "sites": [_IDS["_id"]],
        "pois": [],
        "tags": [],
        "flag": 1,
        "status": "ready",
        **_TIMESTAMPS,
    },
    ViewCreate: _VIEW,
    ViewUpdate: {"name": "Lyon by hour", "path": "explore", "query": "period=last-month", "shared": False},
    ViewAnswer: {**_IDS, **_VIEW, "owner": {"_id": "5e1834b0e12d62a85b388a2c", "name": "jeanne"}, **_TIMESTAMPS},
}
