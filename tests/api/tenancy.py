"""What each route asks for, and what in it can name something of another application: a line a path.

Whoever adds a route adds its line to `ROWS` (aliases count as the path that they repeat), and, for a new name in
braces, what bears it to `THINGS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from okube_api.auth.repository import Role

from tests.api.server import Json, Tenant

PLATFORM = "platform"  # for administrators of the platform
READER, EDITOR, ADMIN = Role.READER, Role.EDITOR, Role.ADMIN


@dataclass(frozen=True)
class Row:
    """What a path asks for.

    read, write: the least role for GET, and for every other method (`PLATFORM` is none of an application's).
    body: one that is taken, of the methods that take any.
    names: where a body or a list's query may name things of the application: the parameter, and which thing.
    asks: bodies that name things in other places, with `<site>` for the site's id or key.
    """

    read: str = READER
    write: str = EDITOR
    body: Json | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    filters: Mapping[str, str] = field(default_factory=dict)
    asks: tuple[Json, ...] = ()
    table: bool = False  # whether the body is a table in several parts, and nothing else
    silent: bool = False  # whether a DELETE answers 204 whatever there was


def asked(kpi: str, **filters: str) -> Row:
    """The row of analytics, whose filters name things."""
    params = [{"kpi": kpi, "mode": "aggregation"}]
    named = tuple({"params": params, "filters": {name: [f"<{thing}>"]}} for name, thing in filters.items())
    return Row(write=READER, body={"params": params}, asks=named)


PERSONAL = Row(read=PLATFORM, write=PLATFORM)  # nothing of any application: the caller's own, or for everybody
SITE: Json = {"name": "x", "online": True}
UNDER = "/applications/{application}"

ROWS: dict[str, Row] = {
    **dict.fromkeys(("/auth/login", "/auth/captcha", "/auth/me", "/auth/logout", "/auth/password"), PERSONAL),
    **dict.fromkeys(("/auth/keys", "/auth/keys/{key}"), PERSONAL),
    **dict.fromkeys(("/health/live", "/health/ready", "/metrics", "/analytics/kpis"), PERSONAL),
    "/applications": Row(write=PLATFORM, body={"key": "x"}),
    UNDER: Row(write=ADMIN, body={"name": "x"}),
    f"{UNDER}/users": Row(ADMIN, ADMIN, {"login": "x@example.com", "password": "long enough, this", "role": "reader"}),
    f"{UNDER}/users/{{user}}": Row(ADMIN, ADMIN, {"role": "admin"}),
    f"{UNDER}/areas": Row(),
    "/sites": Row(body=SITE),
    f"{UNDER}/sites": Row(body=SITE),
    "/sites/{site}": Row(body={"name": "x"}),
    f"{UNDER}/sites/{{site}}": Row(body={"name": "x"}),
    f"{UNDER}/sites/import": Row(table=True, body={"mapper[key]": "key", "mapper[name]": "key"}),
    "/sites/{site}/thumbnail": Row(),
    f"{UNDER}/sites/{{site}}/thumbnail": Row(),
    "/sites/{site}/equipments": Row(write=ADMIN, body={"key": "x"}),
    f"{UNDER}/sites/{{site}}/equipments": Row(write=ADMIN, body={"key": "x"}),
    "/sites/{site}/equipments/{equipment}": Row(write=ADMIN, body={"name": "x"}),
    f"{UNDER}/sites/{{site}}/equipments/{{equipment}}": Row(write=ADMIN, body={"name": "x"}),
    "/pois": Row(body={"name": "x", "coordinates": [4.8, 45.7]}, names={"sites": "site"}, filters={"study": "study"}),
    f"{UNDER}/pois": Row(
        body={"name": "x", "coordinates": [4.8, 45.7]}, names={"sites": "site"}, filters={"study": "study"}
    ),
    "/pois/{poi}": Row(body={"name": "x"}, names={"sites": "site"}),
    f"{UNDER}/pois/{{poi}}": Row(body={"name": "x"}, names={"sites": "site"}),
    "/campaigns": Row(body={"key": "x"}, names={"sites": "site"}, filters={"sites": "site", "levers": "lever"}),
    f"{UNDER}/campaigns": Row(
        body={"key": "x"}, names={"sites": "site"}, filters={"sites": "site", "levers": "lever", "lever": "lever"}
    ),
    "/campaigns/{campaign}": Row(body={"name": "x"}, names={"sites": "site"}),
    f"{UNDER}/campaigns/{{campaign}}": Row(body={"name": "x"}, names={"sites": "site"}),
    f"{UNDER}/levers": Row(write=ADMIN, body={"key": "x"}),
    f"{UNDER}/levers/{{lever}}": Row(write=ADMIN, body={"name": "x"}),
    "/studies": Row(
        body={"key": "x"}, names={"sites": "site", "pois": "poi"}, filters={"sites": "site", "pois": "poi"}
    ),
    f"{UNDER}/studies": Row(
        body={"key": "x"}, names={"sites": "site", "pois": "poi"}, filters={"sites": "site", "pois": "poi"}
    ),
    "/studies/{study}": Row(body={"name": "x"}, names={"sites": "site", "pois": "poi"}),
    f"{UNDER}/studies/{{study}}": Row(body={"name": "x"}, names={"sites": "site", "pois": "poi"}),
    f"{UNDER}/studies/{{study}}/geo-marketing/analytics": asked("attendance", sites="site", pois="poi"),
    "/sites/{site}/studies/{study}/geo-marketing/analytics": asked("attendance", pois="poi"),
    f"{UNDER}/sites/{{site}}/studies/{{study}}/geo-marketing/analytics": asked("attendance", pois="poi"),
    f"{UNDER}/conversions/levers/analytics": asked("prints", sites="site", campaigns="campaign", levers="lever"),
    "/sites/{site}/conversions/levers/analytics": asked("prints", campaigns="campaign", levers="lever"),
    f"{UNDER}/sites/{{site}}/conversions/levers/analytics": asked("prints", campaigns="campaign", levers="lever"),
    "/ingest/schemas": PERSONAL,
    f"{UNDER}/ingest": Row(),
    f"{UNDER}/ingest/{{batch}}": Row(),
    f"{UNDER}/ingest/{{batch}}/rejected": Row(read=EDITOR),
    f"{UNDER}/ingest/{{kind}}": Row(),
    f"{UNDER}/rebuild": Row(write=ADMIN),
    f"{UNDER}/users-data/{{user}}": Row(write=ADMIN, silent=True),
    f"{UNDER}/presence/analytics": asked("attendance", sites="site", equipments="equipment"),
    "/sites/{site}/presence/analytics": asked("attendance", equipments="equipment"),
    f"{UNDER}/sites/{{site}}/presence/analytics": asked("attendance", equipments="equipment"),
}

CONSTANT = {"kind": ["areas"]}
"""Names in braces that are no things of an application."""

AREA = b'{"code": "693820101", "name": "x", "lng": 4.8, "lat": 45.7}\n'

THINGS: dict[str, tuple[str, Json]] = {
    "site": ("sites", {"name": "x", "online": True}),
    "poi": ("pois", {"name": "x", "coordinates": [4.8, 45.7]}),
    "lever": ("levers", {}),
    "campaign": ("campaigns", {}),
    "study": ("studies", {}),
    "equipment": ("sites/<site>/equipments", {}),
}


async def furnished(tenant: Tenant, mark: str) -> dict[str, list[str]]:
    """One thing of each kind in an application: by what paths call it, its id and, where it has one, its key."""
    user = tenant.users[READER].id
    key = (await tenant.reader.post("/auth/keys", json={"name": mark})).json()["_id"]
    names = {"application": [tenant.id, tenant.key], "user": [user], "key": [key], **CONSTANT}
    sent = await tenant.admin.post(
        f"{tenant.url}/ingest/areas", content=AREA, headers={"Content-Type": "application/x-ndjson"}
    )
    names["batch"] = [sent.json()["_id"]]
    for thing, (path, body) in THINGS.items():
        url = f"{tenant.url}/{filled(path, names)}"
        answer = await tenant.admin.post(url, json={"key": f"{mark} {thing}", **body})
        assert answer.status_code == 201, answer.text
        names[thing] = [answer.json()["_id"], answer.json()["key"]]
    return names


def filled(template: Any, names: Mapping[str, list[str]]) -> Any:
    """A body, or a text, with `<site>` and the like replaced by ids."""
    if isinstance(template, dict):
        return {name: filled(value, names) for name, value in template.items()}
    if isinstance(template, list):
        return [filled(value, names) for value in template]
    if isinstance(template, str):
        for name, (identifier, *_) in names.items():
            template = template.replace(f"<{name}>", identifier)
    return template
