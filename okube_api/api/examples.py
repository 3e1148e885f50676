"""Examples of bodies, path parameters and answers in the OpenAPI document.

Those of requests name resources of the demo, on which they succeed as they are.  Tests validate them against their
models, and send every request that Swagger UI prepares from them to a demo.
"""

from collections.abc import Mapping

from pydantic import BaseModel

from okube_api.applications.schemas import ApplicationAnswer, ApplicationCreate, ApplicationUpdate
from okube_api.auth.schemas import AccountUpdate, KeyCreate, Login, MemberCreate, MemberUpdate, PasswordChange, Setup
from okube_api.campaigns.schemas import CampaignCreate, CampaignUpdate, LeverCreate, LeverUpdate
from okube_api.equipments.schemas import EquipmentCreate, EquipmentUpdate
from okube_api.kit import demo_names
from okube_api.kit.application import ApplicationSettings
from okube_api.pois.schemas import PoiCreate, PoiUpdate, PoiUpdateByName
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
_APPLICATION: Json = {"key": "atelier-nord", "name": "Atelier Nord", "timezone": "Europe/Paris", "currency": "EUR"}
_CAMPAIGN: Json = {"key": "spring", "name": "Spring sale", "provider": "Adverline", "format": "banner"}
_IN_DEMO: Json = {"app": demo_names.APPLICATION}

PRINTED_PASSWORD = "the password that was printed"  # noqa: S105 - stands for the password
"""Stands for the password of the demo, which the demo prints, and fills in in the document that it serves."""

EXAMPLES: Mapping[type[BaseModel], Json] = {
    Login: {"login": demo_names.LOGIN, "password": PRINTED_PASSWORD},
    Setup: {
        "token": "the token in the printed link",
        "login": "jeanne@example.com",
        "password": "lantern orchard pebble twelve",
        "application": {"key": "my-shops", "name": "My shops", "timezone": "Europe/Paris"},
    },
    PasswordChange: {"current": PRINTED_PASSWORD, "new": "lantern orchard pebble twelve"},
    KeyCreate: {"name": "weekly report", "applications": [demo_names.APPLICATION], "role": "editor"},
    MemberCreate: {"login": "jeanne@example.com", "role": "reader"},
    MemberUpdate: {"role": "editor"},
    AccountUpdate: {"disabled": True},
    ApplicationCreate: _APPLICATION,
    ApplicationUpdate: {"settings": {"attribution": {"windows": {"click": 14}}}},
    ApplicationAnswer: {
        "_id": _IDS["application"],
        **_APPLICATION,
        "active": True,
        "settings": ApplicationSettings().model_dump(by_alias=True),
        **_TIMESTAMPS,
    },
    SiteCreate: {**_IN_DEMO, **_SITE},
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
    PoiCreate: {**_IN_DEMO, "key": "part-dieu", "name": "Gare de la Part-Dieu", "coordinates": [4.8595, 45.7606]},
    PoiUpdate: {"radius": 120},
    PoiUpdateByName: {**_IN_DEMO, "key": demo_names.POI, "radius": 120},
    EquipmentCreate: {"key": "lyon-terrace", "name": "Terrace", "type": "wifi"},
    EquipmentUpdate: {"name": "Main door", "type": "wifi"},
    CampaignCreate: {
        **_IN_DEMO,
        **_CAMPAIGN,
        "from": "2019-03-01",
        "to": "2019-03-31",
        "sites": [demo_names.SITE],
        "costs": [{"type": "cpm", "amount": 4.5}],
        "extra": {"segment": "vip"},
    },
    CampaignUpdate: {"tags": ["spring"], "windows": {"click": 14}},
    LeverCreate: {"key": "radio", "name": "Radio", "match": {"format": ["spot"]}},
    LeverUpdate: {"name": "Display and video", "position": 1},
    StudyCreate: {**_IN_DEMO, **_STUDY, "sites": [demo_names.SITE], "pois": [demo_names.POI]},
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

EVENTS: list[Json] = [
    {"user": demo_names.USER, "site": demo_names.SITE, "at": "2024-05-04T10:12:00Z", "amount": 24.9, "order": "A-1042"}
]
"""Events of the kind that `PATH_KEYS` has."""

PATH_KEYS: Mapping[str, str] = {
    "application": demo_names.APPLICATION,
    "campaign": demo_names.CAMPAIGN,
    "equipment": demo_names.EQUIPMENT,
    "kind": "purchases",
    "lever": demo_names.LEVER,
    "poi": demo_names.POI,
    "site": demo_names.SITE,
    "study": demo_names.STUDY,
    "user": demo_names.READER_LOGIN,
}
"""Values of the path parameters that take keys."""

PATH_IDS: Mapping[str, str] = {
    parameter: demo_names.IDS[collection][1]
    for parameter, collection in {
        "batch": "batches",
        "campaign": "campaigns",
        "key": "api_keys",
        "poi": "pois",
        "site": "sites",
        "study": "studies",
        "view": "views",
    }.items()
}
"""Values of the path parameters that take ids only, or keys only if they are in one of the caller's applications."""


def add_path_examples(path: str, operation: Json) -> None:
    """Add a resource of the demo to each path parameter of an operation; an invitation has no example."""
    names_application = "{application}" in path
    for parameter in operation.get("parameters", ()):
        name = parameter["name"]
        if parameter["in"] != "path":
            continue
        if path.endswith("/users-data/{user}") and name == "user":
            value: str | None = demo_names.USER
        elif names_application or name not in PATH_IDS:
            value = PATH_KEYS.get(name) or PATH_IDS.get(name)
        else:
            value = PATH_IDS[name]
        if value is not None:
            parameter["examples"] = {"demo": {"summary": "Resource of the demo", "value": value}}


def fill_in_password(document: Json, password: str) -> None:
    """Replace `PRINTED_PASSWORD` in the examples of a document by the password of the demo."""
    schemas = document["components"]["schemas"]
    for model in (Login, PasswordChange):
        schema = schemas[model.__name__]
        schema["examples"] = [  # a copy: the document has the very objects of `EXAMPLES`
            {name: password if value == PRINTED_PASSWORD else value for name, value in example.items()}
            for example in schema["examples"]
        ]
