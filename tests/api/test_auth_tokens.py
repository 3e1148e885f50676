"""Forged tokens are 401 wherever they are sent, and every route but those for anybody asks for a token."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import jwt
import pytest
from fastapi.routing import APIRoute
from okube_api.api.aliases import AliasRoute
from okube_api.auth.repository import User

from tests.api.server import SECRET, MovableClock, Server

pytestmark = pytest.mark.anyio

KEY = hmac.digest(SECRET.encode(), b"okube-api access tokens", "sha256")
KID = hashlib.sha256(KEY).hexdigest()[:16]
ROUTES = [("GET", "/auth/me"), ("GET", "/sites"), ("POST", "/applications/demo/sites"), ("DELETE", "/s/no-such-site")]
FOR_ANYBODY = {
    ("POST", "/auth/login"),
    ("GET", "/auth/captcha"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/metrics"),  # asks for a token of its own
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/redoc"),
}


@dataclass(frozen=True)
class Good:
    """What a token that is good consists of, for forgers to start from."""

    text: str
    claims: dict[str, Any]

    def signed(self, key: bytes = KEY, alg: str = "HS256", headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """The same token with other claims (None takes one out), headers or key."""
        changed = {name: value for name, value in (self.claims | claims).items() if value is not None}
        return raw(changed, key, {"alg": alg, "typ": "JWT", "kid": KID} | (headers or {}))


def raw(claims: Any, key: bytes, header: Any) -> str:
    """A token put together by hand: libraries refuse to make the worst of them."""
    parts = ".".join(part(json.dumps(value).encode()) for value in (header, claims))
    return f"{parts}.{part(hmac.digest(key, parts.encode(), 'sha256'))}"


def part(content: bytes) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def without(good: Good, name: str) -> str:
    """The same token, less a claim."""
    left = {claim: value for claim, value in good.claims.items() if claim != name}
    return raw(left, KEY, {"alg": "HS256", "typ": "JWT", "kid": KID})


def unsigned(good: Good, alg: str) -> str:
    """A token that says that it needs no signature."""
    return f"{part(json.dumps({'alg': alg, 'typ': 'JWT', 'kid': KID}).encode())}.{good.text.split('.')[1]}."


def with_claims_of(good: Good, **claims: Any) -> str:
    """Other claims under the good signature."""
    header, _, signature = good.text.split(".")
    return f"{header}.{part(json.dumps(good.claims | claims).encode())}.{signature}"


FORGERIES: dict[str, Callable[[Good], str]] = {
    **{f"alg {alg}": partial(unsigned, alg=alg) for alg in ("none", "None", "NONE", "nOnE", "")},
    **{f"alg {alg}": partial(Good.signed, alg=alg) for alg in ("RS256", "ES256", "HS384", "HS512", "EdDSA")},
    "another key": lambda good: good.signed(key=b"another key of thirty-two bytes!"),
    "a short key": lambda good: good.signed(key=b"key"),
    "no key": lambda good: good.signed(key=b""),
    "the secret itself": lambda good: good.signed(key=SECRET.encode()),
    "the key's id as key": lambda good: good.signed(key=KID.encode()),
    "kid of a file": lambda good: good.signed(key=b"", headers={"kid": "../../../dev/null"}),
    "kid of a query": lambda good: good.signed(headers={"kid": "' UNION SELECT 'key' --"}),
    "kid a number": lambda good: good.signed(headers={"kid": 7}),
    "kid null": lambda good: good.signed(headers={"kid": None}),
    "crit": lambda good: good.signed(headers={"crit": ["exp"]}),
    "jku": lambda good: good.signed(headers={"jku": "https://evil.example/keys"}),
    "jwk": lambda good: good.signed(headers={"jwk": {"kty": "oct", "k": part(KEY)}}),
    "x5u": lambda good: good.signed(headers={"x5u": "https://evil.example/cert"}),
    "b64 false": lambda good: good.signed(headers={"b64": False, "crit": ["b64"]}),
    "zip": lambda good: good.signed(headers={"zip": "DEF"}),
    **{
        f"no {name}": partial(without, name=name)
        for name in ("exp", "iat", "nbf", "aud", "iss", "typ", "sub", "jti", "gen")
    },
    "expired": lambda good: good.signed(exp=good.claims["iat"] - 1),
    "exp text": lambda good: good.signed(exp=str(good.claims["exp"])),
    "exp infinite": lambda good: good.signed(exp=float("inf")),
    "exp nan": lambda good: good.signed(exp=float("nan")),
    "exp beyond calendars": lambda good: good.signed(exp=10**18),
    "exp negative": lambda good: good.signed(exp=-(10**18)),
    "not yet": lambda good: good.signed(nbf=good.claims["iat"] + 3600),
    "issued later": lambda good: good.signed(iat=good.claims["iat"] + 3600),
    "another audience": lambda good: good.signed(aud="another-api"),
    "many audiences": lambda good: good.signed(aud=["another-api"]),
    "another issuer": lambda good: good.signed(iss="evil"),
    "another typ": lambda good: good.signed(typ="refresh"),
    "typ of a key": lambda good: good.signed(typ="key"),
    "typ of a key, and a secret": lambda good: good.signed(typ="key", sec="guessed"),
    "a secret in an access token": lambda good: good.signed(sec="guessed"),
    "secret a number": lambda good: good.signed(typ="key", sec=7),
    "no such user": lambda good: good.signed(sub="f" * 24),
    "sub no id": lambda good: good.signed(sub="admin"),
    "sub a list": lambda good: good.signed(sub=[good.claims["sub"]]),
    "sub an operator": lambda good: good.signed(sub={"$ne": ""}),
    "jti an operator": lambda good: good.signed(jti={"$ne": ""}),
    "another generation": lambda good: good.signed(gen=good.claims["gen"] + 1),
    "generation true": lambda good: good.signed(gen=True),
    "generation text": lambda good: good.signed(gen="1"),
    "claims under another's signature": lambda good: with_claims_of(good, gen=2),
    "claims a list": lambda good: raw([good.claims], KEY, {"alg": "HS256", "typ": "JWT", "kid": KID}),
    "header a text": lambda good: raw(good.claims, KEY, "HS256"),
    "truncated": lambda good: good.text[:-5],
    "without signature": lambda good: good.text.rpartition(".")[0],
    "empty signature": lambda good: good.text.rpartition(".")[0] + ".",
    "four parts": lambda good: good.text + ".e30",
    "one part": lambda good: good.text.split(".", maxsplit=1)[0],
    "dots": lambda good: "..",
    "no base64": lambda good: good.text.replace(".", ".*", 1),
    "too long": lambda good: good.signed(pad="x" * 5000),
    "deep": lambda good: raw({"exp": [[[[[[]]]]]]}, KEY, {"alg": "HS256", "typ": "JWT", "kid": KID}),
}


@pytest.fixture
async def good(server: Server) -> Good:
    """A token of a platform administrator, which would be let in everywhere."""
    user = await server.user(platform_admin=True)
    text = server.token(user)
    return Good(text, jwt.decode(text, options={"verify_signature": False}))


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_forged_token_is_refused(server: Server, good: Good, method: str, path: str) -> None:
    for name, forge in FORGERIES.items():
        answer = await server.client(forge(good)).request(method, path)
        assert answer.status_code == 401, name
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["detail"] == "The token is not valid, has expired or was revoked. Log in again.", name


async def test_what_forgers_start_from_is_good(server: Server, good: Good) -> None:
    assert (await server.client(good.text).get("/auth/me")).status_code == 200
    assert (await server.client(good.signed()).get("/auth/me")).status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Token x", "Bearer a b", "bearer"])
async def test_a_header_without_a_token_is_refused(server: Server, header: str) -> None:
    answer = await server.client(Authorization=header).get("/auth/me")
    assert answer.status_code == 401


async def test_bytes_beyond_ascii_are_refused(server: Server) -> None:
    answer = await server.client().get("/auth/me", headers=[(b"authorization", b"Bearer \xff\xfe.\xc3\xa9.x")])
    assert answer.status_code == 401


async def test_clocks_may_be_five_minutes_apart(server: Server, good: Good, clock: MovableClock) -> None:
    clock.ahead = timedelta(minutes=-4, seconds=-50)
    assert (await server.client(good.text).get("/auth/me")).status_code == 200
    clock.ahead = timedelta(minutes=-6)
    assert (await server.client(good.text).get("/auth/me")).status_code == 401


async def test_a_key_of_a_user_is_none_of_another(server: Server, good: Good) -> None:
    mine: User = await server.user()
    made = await server.client_of(mine).post("/auth/keys", json={"name": "mine"})
    claims = jwt.decode(made.json()["token"], options={"verify_signature": False})
    assert (await server.client(good.signed(**claims)).get("/auth/me")).status_code == 200
    stolen = good.signed(**(claims | {"sub": good.claims["sub"]}))
    guessed = good.signed(**(claims | {"sec": "guessed"}))
    for token in (stolen, guessed):
        assert (await server.client(token).get("/auth/me")).status_code == 401


async def test_every_other_route_asks_for_a_token(server: Server) -> None:
    nobody, checked = server.client(), 0
    for route in server.app.routes:
        path = re.sub(r"\{[^}]*\}", "x", route.path)  # type: ignore[attr-defined]
        for method in sorted(set(route.methods or ()) - {"HEAD"} if isinstance(route, APIRoute | AliasRoute) else {"GET"}):
            if (method, path) in FOR_ANYBODY or path == "/static":
                continue
            answer = await nobody.request(method, path)
            assert answer.status_code == 401, (method, path)
            checked += 1
    assert checked > 30
