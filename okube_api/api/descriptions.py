"""What the OpenAPI document says in prose: about the API as a whole, and about each group of routes."""

DESCRIPTION = """\
Drive-to-store analytics: sites, points of interest, campaigns and studies, and questions about the visits they bring.

**Log in** with `POST /auth/login`, then send `Authorization: Bearer TOKEN` with every request (here: *Authorize*).

**Identifiers.** Where a path or field takes an id or key, 24 hex digits are looked up as an id first, then as a key.
Keys are percent-encoded in paths, `/` as `%2F`. Without an application in the path, only ids work.

**Aliases.** `/applications/{application}` is also `/a/{application}`, and `/sites/{site}` is also `/s/{site}`. Each
operation lists its other paths under `x-aliases`.

**Lists** come in pages (`page`, `per_page`), or whole as CSV with `Accept: text/csv`.

**Updates** change the fields that they name and no others; `null` clears a field where null is allowed. `If-Match`
with the `ETag` that was read keeps two writers from overwriting each other.

**Creations** may carry an `Idempotency-Key`: the same request under the same key is carried out once, and answered the
same again for 24 hours.

**Refusals** are `application/problem+json` (RFC 9457). Every answer has an `X-Request-Id`.
"""

TAGS = [
    {"name": "authentication", "description": "Logging in, API keys, and who one is."},
    {"name": "applications", "description": "Applications, their settings and their users."},
    {"name": "sites", "description": "Shops, on the street or online, and the equipments in them."},
    {"name": "points of interest", "description": "Places that are not one's own."},
    {"name": "campaigns", "description": "Campaigns, and the levers that they belong to."},
    {"name": "studies", "description": "Groups of sites and points of interest that are looked at together."},
    {"name": "analytics", "description": "Questions about a period."},
    {"name": "ingest", "description": "Events coming in, batch by batch."},
    {"name": "service", "description": "Health, metrics and this documentation."},
]
