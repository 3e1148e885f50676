"""Cross-origin requests (CORS): which pages of other origins may use the API from a browser."""

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
EXPOSED_HEADERS = (
    "Content-Disposition",
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Okube-Ignored",
    "X-Okube-Notes",
    "X-Request-Id",
)
"""Headers of answers that scripts may read, besides those that browsers always show."""
PREFLIGHT_LIFETIME_S = 7200  # the longest that browsers accept


def mark_cross_origin(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """Return an application that answers preflights and marks all answers for pages of these origins; `*` is any.

    Such pages send a token.  The login cookie is never for them: a browser must not send it on behalf of another site.
    """
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=("*",),
        expose_headers=EXPOSED_HEADERS,
        max_age=PREFLIGHT_LIFETIME_S,
    )
