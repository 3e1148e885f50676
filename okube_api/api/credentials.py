"""How a request says who sends it: by a bearer token, or by the cookie that a login set.

Browsers send cookies along with whatever another site makes them send: what changes something must come from a page
of this server, and say so.
"""

from starlette.requests import Request
from starlette.responses import Response

from okube_api.auth.sessions import Identity, Sessions
from okube_api.errors import Forbidden
from okube_api.settings import Settings

COOKIE = "okube_token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FOREIGN = "A request with the login's cookie must come from a page of this server, with its 'Origin'."


async def identify(request: Request, sessions: Sessions) -> Identity:
    """Who sent the request.  Raises Unauthorised, and Forbidden for a cookie sent by another site's page."""
    authorization = request.headers.get("authorization")
    if authorization is None and (token := request.cookies.get(COOKIE)):
        if request.method not in _SAFE:
            refuse_foreign(request, needed=True)
        authorization = f"Bearer {token}"
    return await sessions.identify(authorization)


def refuse_foreign(request: Request, *, needed: bool) -> None:
    """Raises Forbidden for a request from another site's page; `needed`: also for one that does not say from where."""
    origin = request.headers.get("origin")
    ours = f"{request.scope['scheme']}://{request.headers.get('host', '')}"
    fetched = request.headers.get("sec-fetch-site", "same-origin")
    if fetched != "same-origin" or (origin != ours and (needed or origin is not None)):
        raise Forbidden(_FOREIGN)


def set_cookie(response: Response, token: str, settings: Settings) -> None:
    """Has the browser send the token from now on, as long as it is good."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=settings.token_hours * 3600,
        path="/",
        secure=settings.require_https,
        httponly=True,
        samesite="lax",
    )


def clear_cookie(response: Response, settings: Settings) -> None:
    """Has the browser forget the token."""
    response.delete_cookie(COOKIE, path="/", secure=settings.require_https, httponly=True, samesite="lax")
