"""Prose of the OpenAPI document: about the API as a whole, and about each group of routes."""

DESCRIPTION = """\
Drive-to-store analytics: sites, points of interest, campaigns and studies, and analytics of the visits they cause.

**Log in** with `POST /auth/login`, then send `Authorization: Bearer TOKEN` with every request. The page `/docs` does so
itself: *Execute* `POST /auth/login` there, with the login and password that `okube-api demo` printed or your own.

**Identifiers.** Where a path or field accepts an id or key, 24 hex digits are looked up first as an id, then as a key.
Percent-encode keys in paths, with `/` as `%2F`. In paths without an application, only ids work.

**Aliases.** `/applications/{application}` is also `/a/{application}`, and `/sites/{site}` is also `/s/{site}`. Each
operation lists its other paths under `x-aliases`.

**Lists** are answered page by page (`page`, `per_page`), or completely as a file with `format=csv`, `xlsx` or
`parquet`, and places with `geojson`, or with its media type in `Accept`.

**Long questions** become jobs with `Prefer: respond-async` or `wait=false`: the answer is 202 with the `Location` of
the job, whose result is there for a day.

**Updates** change only the fields in the body; `null` clears a field where null is allowed. Send the `ETag` that you
have read as `If-Match`, so that two writers do not overwrite each other's changes.

**Creations** accept an `Idempotency-Key`: the same request with the same key is carried out once, and gets the same
answer again for 24 hours.

**Errors** are `application/problem+json` (RFC 9457). Every answer has an `X-Request-Id`.
"""

MANUAL_LINK = """
The [manual](manual/) explains stays, touches and uplift, every KPI with an example, files of events and questions.
"""

TAGS = [
    {"name": "authentication", "description": "Login, API keys and the current user."},
    {"name": "applications", "description": "Applications, their settings and their users."},
    {"name": "sites", "description": "Shops, physical or online, and the equipments in them."},
    {"name": "points of interest", "description": "Places that do not belong to the application, such as competitors."},
    {"name": "campaigns", "description": "Campaigns, and the levers that they belong to."},
    {"name": "studies", "description": "Groups of sites and points of interest that are analysed together."},
    {"name": "views", "description": "Pages of the explorer, saved by name: own ones and shared ones."},
    {"name": "analytics", "description": "Questions about KPIs in a period."},
    {"name": "administration", "description": "The whole server, for platform administrators."},
    {"name": "jobs", "description": "Questions that are answered in the background, and their results."},
    {"name": "ingest", "description": "Events, ingested in batches."},
    {"name": "service", "description": "Health, metrics and this documentation."},
]
