"""Credentials of a request: a bearer token, or the cookie that a login has set.

Browsers also send the cookie with requests that a page of another site causes.  Therefore a request that changes
something with the cookie must come from a page of this server, as its `Origin` shows.
"""

from starlette.requests import Request
from starlette.responses import Response

from okube_api.auth.sessions import Identity, LoginSessions
from okube_api.errors import Forbidden
from okube_api.settings import Settings

_PLAIN_COOKIE = "okube_token"
COOKIE = "__Host-okube_token"
"""Browsers accept this name only over HTTPS and from this very host: no other host of the domain can set it."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_WRONG_ORIGIN = "A request with the login cookie must come from a page of this server, as its 'Origin' header shows."


def get_cookie_name(settings: Settings) -> str:
    """Return the name of the cookie with the token."""
    return COOKIE if settings.require_https else _PLAIN_COOKIE


async def identify_caller(request: Request, sessions: LoginSessions, settings: Settings) -> Identity:
    """Return the identity behind a request's token or cookie.

    Raise Unauthorised, or Forbidden for a change with the cookie that does not come from a page of this server.
    """
    authorization = request.headers.get("authorization")
    if authorization is None and (token := request.cookies.get(get_cookie_name(settings))):
        if request.method not in _SAFE_METHODS:
            require_same_origin(request, origin_required=True)
        authorization = f"Bearer {token}"
    return await sessions.identify(authorization)


def require_same_origin(request: Request, *, origin_required: bool) -> None:
    """Raise Forbidden for a request from a page of another site.

    origin_required: raise Forbidden also when the request has no `Origin` header.
    """
    origin = request.headers.get("origin")
    own_origin = f"{request.scope['scheme']}://{request.headers.get('host', '')}"
    fetch_site = request.headers.get("sec-fetch-site", "same-origin")
    if fetch_site != "same-origin" or (origin != own_origin and (origin_required or origin is not None)):
        raise Forbidden(_WRONG_ORIGIN)


def set_cookie(response: Response, token: str, settings: Settings) -> None:
    """Set the cookie with the token, for as long as the token is valid."""
    response.set_cookie(
        get_cookie_name(settings),
        token,
        max_age=settings.token_hours * 3600,
        path="/",
        secure=settings.require_https,
        httponly=True,
        samesite="lax",
    )


def clear_cookie(response: Response, settings: Settings) -> None:
    """Delete the cookie with the token."""
    response.delete_cookie(
        get_cookie_name(settings), path="/", secure=settings.require_https, httponly=True, samesite="lax"
    )
