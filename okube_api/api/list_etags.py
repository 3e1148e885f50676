"""Entity tags of lists that are computed before anything is read, from the revision of the documents."""

from starlette.requests import Request

from okube_api.api.access import has_body
from okube_api.api.container import Services
from okube_api.http.etags import digest
from okube_api.http.middleware.proxy import public_path

DOCUMENT_LISTS = ("applications", "areas", "campaigns", "equipments", "levers", "pois", "s", "sites", "studies")
"""Last segments of the paths of lists that depend only on the documents of `AnswerCache.revision` and on the day."""


async def compute_list_etag(request: Request, services: Services) -> str | None:
    """Return the tag of a list from the revision of the documents, before any is read.

    None where the store cannot tell the revision, for a request with a body, which may name an application, and for
    studies with their results, which depend on rows.
    """
    revision = services.analytics.answer_cache.revision()
    if revision is None or has_body(request) or b"with_results" in request.scope["query_string"]:
        return None
    user = request.state.identity.user
    parts = (
        revision,
        services.clock().date().isoformat(),  # the status of studies depends on it
        repr((user.global_role, sorted(user.roles.items()))),
        request.scope["path"],
        request.scope["query_string"].decode("latin-1"),
        request.headers.get("accept", ""),
        public_path(request.scope, ""),
    )
    return f'"{digest(chr(10).join(parts).encode())}"'
