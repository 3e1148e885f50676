"""For each path: the roles that it requires, a valid body, and where it can refer to resources of an application.

A new route needs a line in `ROWS` (aliases share the line of the documented path), and a new path parameter needs a
resource in `RESOURCES`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from okube_api.auth.repository import Role

from tests.api.server import Json, Tenant

PLATFORM = "platform"  # requires a platform administrator
READER, EDITOR, ADMIN = Role.READER, Role.EDITOR, Role.ADMIN


@dataclass(frozen=True)
class Row:
    """What a path requires.

    read, write: the least role for GET, and for every other method (`PLATFORM` is no role of an application).
    body: a valid body, for methods with a body.
    names: fields of the body that refer to resources, with the kind of resource; filters: the same for the query.
    questions: bodies that refer to resources elsewhere, with `<site>` for the site's id or key.
    """

    read: str = READER
    write: str = EDITOR
    body: Json | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    filters: Mapping[str, str] = field(default_factory=dict)
    questions: tuple[Json, ...] = ()
    table: bool = False  # whether the body must be a table in several parts
    silent: bool = False  # whether DELETE answers 204 also when there is nothing to delete


def question(kpi: str, **filters: str) -> Row:
    """Return the row of an analytics path, whose filters refer to resources."""
    params = [{"kpi": kpi, "mode": "aggregation"}]
    questions = tuple({"params": params, "filters": {name: [f"<{kind}>"]}} for name, kind in filters.items())
    return Row(write=READER, body={"params": params}, questions=questions)


PERSONAL = Row(read=PLATFORM, write=PLATFORM)  # belongs to no application: the caller's own data, or public
PLATFORM_ONLY = Row(read=PLATFORM, write=PLATFORM, body={"disabled": False})  # refused before the path is read
SITE: Json = {"name": "x", "online": True}
UNDER = "/applications/{application}"

ROWS: dict[str, Row] = {
    **dict.fromkeys(("/auth/login", "/auth/captcha", "/auth/me", "/auth/logout", "/auth/password"), PERSONAL),
    **dict.fromkeys(("/auth/keys", "/auth/keys/{key}"), PERSONAL),
    **dict.fromkeys(("/auth/invitations/accept", "/auth/setup"), PERSONAL),
    **dict.fromkeys(("/auth/invitations/{invitation}/accept", "/auth/invitations/{invitation}/decline"), PERSONAL),
    "/admin/backup": PERSONAL,
    **dict.fromkeys(("/admin/users", "/admin/users/{user}"), PLATFORM_ONLY),
    **dict.fromkeys(("/health/live", "/health/ready", "/metrics", "/analytics/kpis"), PERSONAL),
    "/applications": Row(write=PLATFORM, body={"key": "x"}),
    UNDER: Row(write=ADMIN, body={"name": "x"}),
    f"{UNDER}/users": Row(ADMIN, ADMIN, {"login": "x@example.com", "role": "reader"}),
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
    f"{UNDER}/views": Row(write=READER, body={"name": "x", "path": "overview"}),
    f"{UNDER}/views/{{view}}": Row(write=READER, body={"name": "x"}),
    f"{UNDER}/studies/{{study}}/geo-marketing/analytics": question("attendance", sites="site", pois="poi"),
    "/sites/{site}/studies/{study}/geo-marketing/analytics": question("attendance", pois="poi"),
    f"{UNDER}/sites/{{site}}/studies/{{study}}/geo-marketing/analytics": question("attendance", pois="poi"),
    f"{UNDER}/conversions/levers/analytics": question("prints", sites="site", campaigns="campaign", levers="lever"),
    "/sites/{site}/conversions/levers/analytics": question("prints", campaigns="campaign", levers="lever"),
    f"{UNDER}/sites/{{site}}/conversions/levers/analytics": question("prints", campaigns="campaign", levers="lever"),
    "/ingest/schemas": PERSONAL,
    f"{UNDER}/files/preview": Row(),
    f"{UNDER}/ingest": Row(),
    f"{UNDER}/ingest/{{batch}}": Row(),
    f"{UNDER}/ingest/{{batch}}/rejected": Row(read=EDITOR),
    f"{UNDER}/ingest/{{kind}}": Row(),
    f"{UNDER}/rebuild": Row(write=ADMIN),
    f"{UNDER}/users-data/{{user}}": Row(write=ADMIN, silent=True),
    f"{UNDER}/jobs": Row(),
    **dict.fromkeys((f"{UNDER}/jobs/{{job}}", "/jobs/{job}"), Row(write=READER)),
    **dict.fromkeys((f"{UNDER}/jobs/{{job}}/result", "/jobs/{job}/result"), Row()),
    f"{UNDER}/presence/analytics": question("attendance", sites="site", equipments="equipment"),
    "/sites/{site}/presence/analytics": question("attendance", equipments="equipment"),
    f"{UNDER}/sites/{{site}}/presence/analytics": question("attendance", equipments="equipment"),
    f"{UNDER}/performance/analytics": question("visits", sites="site"),
    "/sites/{site}/performance/analytics": question("visits"),
    f"{UNDER}/sites/{{site}}/performance/analytics": question("visits"),
}

CONSTANT = {"kind": ["areas"]}
"""Path parameters that are not resources of an application."""

AREA = b'{"code": "693820101", "name": "x", "lng": 4.8, "lat": 45.7}\n'

RESOURCES: dict[str, tuple[str, Json]] = {
    "site": ("sites", {"name": "x", "online": True}),
    "poi": ("pois", {"name": "x", "coordinates": [4.8, 45.7]}),
    "lever": ("levers", {}),
    "campaign": ("campaigns", {}),
    "study": ("studies", {}),
    "equipment": ("sites/<site>/equipments", {}),
}


async def create_resources(tenant: Tenant, prefix: str) -> dict[str, list[str]]:
    """Create one resource of each kind; return its id and, if it has one, its key, by path parameter."""
    user = tenant.users[READER].id
    key = (await tenant.reader.post("/auth/keys", json={"name": prefix})).json()["_id"]
    invited = await tenant.admin.post(
        f"{tenant.url}/users", json={"login": f"{tenant.id}@example.com", "role": "reader"}
    )
    names = {"application": [tenant.id, tenant.key], "user": [user, invited.json()["_id"]], "key": [key], **CONSTANT}
    names["invitation"] = [invited.json()["_id"]]
    batch = await tenant.admin.post(
        f"{tenant.url}/ingest/areas", content=AREA, headers={"Content-Type": "application/x-ndjson"}
    )
    names["batch"] = [batch.json()["_id"]]
    view = await tenant.admin.post(f"{tenant.url}/views", json={"name": prefix, "path": "overview", "shared": True})
    names["view"] = [view.json()["_id"]]
    job = await tenant.reader.post(
        f"{tenant.url}/presence/analytics", params={"wait": "false"}, json={"params": [{"kpi": "attendance"}]}
    )
    names["job"] = [job.json()["_id"]]
    for kind, (path, body) in RESOURCES.items():
        url = f"{tenant.url}/{fill_template(path, names)}"
        answer = await tenant.admin.post(url, json={"key": f"{prefix} {kind}", **body})
        assert answer.status_code == 201, answer.text
        names[kind] = [answer.json()["_id"], answer.json()["key"]]
    return names


def fill_template(template: Any, names: Mapping[str, list[str]]) -> Any:
    """Return a body or text with placeholders such as `<site>` replaced by ids."""
    if isinstance(template, dict):
        return {name: fill_template(value, names) for name, value in template.items()}
    if isinstance(template, list):
        return [fill_template(value, names) for value in template]
    if isinstance(template, str):
        for name, (identifier, *_) in names.items():
            template = template.replace(f"<{name}>", identifier)
    return template
