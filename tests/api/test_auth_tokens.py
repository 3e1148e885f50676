"""Access tokens: forged ones are refused on every route, and only public routes need none."""

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
PUBLIC = {
    ("POST", "/auth/login"),
    ("GET", "/auth/captcha"),
    ("POST", "/auth/invitations/accept"),  # has a token of its own
    ("POST", "/auth/setup"),  # has a token of its own
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/metrics"),  # has a token of its own
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/redoc"),
    ("GET", "/manual"),  # leads to the manual, which has no data, as the pages of the explorer
    ("GET", "/"),  # the pages of the explorer are the same for all, and have no data
    ("GET", "/login"),
    *(("GET", f"/a/x/{page}") for page in ("overview", "explore", "map", "data", "manage", "manage/x", "manage/x/x")),
}


@dataclass(frozen=True)
class ValidToken:
    """A valid token and its claims, from which forgeries are made."""

    text: str
    claims: dict[str, Any]

    def sign(self, key: bytes = KEY, alg: str = "HS256", headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """Return the token with other claims (None removes a claim), headers or key."""
        merged = {name: value for name, value in (self.claims | claims).items() if value is not None}
        return encode_token(merged, key, {"alg": alg, "typ": "JWT", "kid": KID} | (headers or {}))


def encode_token(claims: Any, key: bytes, header: Any) -> str:
    """Return a token without the checks of a library, which would refuse some of these claims."""
    parts = ".".join(encode_part(json.dumps(value).encode()) for value in (header, claims))
    return f"{parts}.{encode_part(hmac.digest(key, parts.encode(), 'sha256'))}"


def encode_part(content: bytes) -> str:
    """Encode a part of a token."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def remove_claim(valid: ValidToken, name: str) -> str:
    """Return the token without a claim, signed."""
    rest = {claim: value for claim, value in valid.claims.items() if claim != name}
    return encode_token(rest, KEY, {"alg": "HS256", "typ": "JWT", "kid": KID})


def remove_signature(valid: ValidToken, alg: str) -> str:
    """Return a token whose header says that it has no signature."""
    return f"{encode_part(json.dumps({'alg': alg, 'typ': 'JWT', 'kid': KID}).encode())}.{valid.text.split('.')[1]}."


def replace_claims(valid: ValidToken, **claims: Any) -> str:
    """Return a token with other claims and the signature of the valid one."""
    header, _, signature = valid.text.split(".")
    return f"{header}.{encode_part(json.dumps(valid.claims | claims).encode())}.{signature}"


FORGERIES: dict[str, Callable[[ValidToken], str]] = {
    **{f"alg {alg}": partial(remove_signature, alg=alg) for alg in ("none", "None", "NONE", "nOnE", "")},
    **{f"alg {alg}": partial(ValidToken.sign, alg=alg) for alg in ("RS256", "ES256", "HS384", "HS512", "EdDSA")},
    "another key": lambda valid: valid.sign(key=b"another key of thirty-two bytes!"),
    "a short key": lambda valid: valid.sign(key=b"key"),
    "no key": lambda valid: valid.sign(key=b""),
    "the secret itself": lambda valid: valid.sign(key=SECRET.encode()),
    "the key's id as key": lambda valid: valid.sign(key=KID.encode()),
    "kid of a file": lambda valid: valid.sign(key=b"", headers={"kid": "../../../dev/null"}),
    "kid of a query": lambda valid: valid.sign(headers={"kid": "' UNION SELECT 'key' --"}),
    "kid a number": lambda valid: valid.sign(headers={"kid": 7}),
    "kid null": lambda valid: valid.sign(headers={"kid": None}),
    "crit": lambda valid: valid.sign(headers={"crit": ["exp"]}),
    "jku": lambda valid: valid.sign(headers={"jku": "https://evil.example/keys"}),
    "jwk": lambda valid: valid.sign(headers={"jwk": {"kty": "oct", "k": encode_part(KEY)}}),
    "x5u": lambda valid: valid.sign(headers={"x5u": "https://evil.example/cert"}),
    "b64 false": lambda valid: valid.sign(headers={"b64": False, "crit": ["b64"]}),
    "zip": lambda valid: valid.sign(headers={"zip": "DEF"}),
    **{
        f"no {name}": partial(remove_claim, name=name)
        for name in ("exp", "iat", "nbf", "aud", "iss", "typ", "sub", "jti", "gen")
    },
    "expired": lambda valid: valid.sign(exp=valid.claims["iat"] - 1),
    "exp text": lambda valid: valid.sign(exp=str(valid.claims["exp"])),
    "exp infinite": lambda valid: valid.sign(exp=float("inf")),
    "exp nan": lambda valid: valid.sign(exp=float("nan")),
    "exp beyond calendars": lambda valid: valid.sign(exp=10**18),
    "exp negative": lambda valid: valid.sign(exp=-(10**18)),
    "not yet": lambda valid: valid.sign(nbf=valid.claims["iat"] + 3600),
    "issued later": lambda valid: valid.sign(iat=valid.claims["iat"] + 3600),
    "another audience": lambda valid: valid.sign(aud="another-api"),
    "many audiences": lambda valid: valid.sign(aud=["another-api"]),
    "another issuer": lambda valid: valid.sign(iss="evil"),
    "another typ": lambda valid: valid.sign(typ="refresh"),
    "typ of a key": lambda valid: valid.sign(typ="key"),
    "typ of a key, and a secret": lambda valid: valid.sign(typ="key", sec="guessed"),
    "a secret in an access token": lambda valid: valid.sign(sec="guessed"),
    "secret a number": lambda valid: valid.sign(typ="key", sec=7),
    "no such user": lambda valid: valid.sign(sub="f" * 24),
    "sub no id": lambda valid: valid.sign(sub="admin"),
    "sub a list": lambda valid: valid.sign(sub=[valid.claims["sub"]]),
    "sub an operator": lambda valid: valid.sign(sub={"$ne": ""}),
    "jti an operator": lambda valid: valid.sign(jti={"$ne": ""}),
    "another generation": lambda valid: valid.sign(gen=valid.claims["gen"] + 1),
    "generation true": lambda valid: valid.sign(gen=True),
    "generation text": lambda valid: valid.sign(gen="1"),
    "claims under another's signature": lambda valid: replace_claims(valid, gen=2),
    "claims a list": lambda valid: encode_token([valid.claims], KEY, {"alg": "HS256", "typ": "JWT", "kid": KID}),
    "header a text": lambda valid: encode_token(valid.claims, KEY, "HS256"),
    "truncated": lambda valid: valid.text[:-5],
    "without signature": lambda valid: valid.text.rpartition(".")[0],
    "empty signature": lambda valid: valid.text.rpartition(".")[0] + ".",
    "four parts": lambda valid: valid.text + ".e30",
    "one part": lambda valid: valid.text.split(".", maxsplit=1)[0],
    "dots": lambda valid: "..",
    "no base64": lambda valid: valid.text.replace(".", ".*", 1),
    "too long": lambda valid: valid.sign(pad="x" * 5000),
    "deep": lambda valid: encode_token({"exp": [[[[[[]]]]]]}, KEY, {"alg": "HS256", "typ": "JWT", "kid": KID}),
}


@pytest.fixture
async def valid(server: Server) -> ValidToken:
    """Issue a token of a platform administrator, who may do everything."""
    user = await server.create_user(platform_admin=True)
    text = server.issue_token(user)
    return ValidToken(text, jwt.decode(text, options={"verify_signature": False}))


@pytest.mark.one_store
@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
async def test_a_forged_token_is_refused(server: Server, valid: ValidToken, forge: Callable[[ValidToken], str]) -> None:
    client = server.client(forge(valid))
    for method, path in ROUTES:
        answer = await client.request(method, path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["detail"] == "The token is not valid, has expired or was revoked. Log in again."


async def test_the_token_that_forgeries_start_from_is_valid(server: Server, valid: ValidToken) -> None:
    assert (await server.client(valid.text).get("/auth/me")).status_code == 200
    assert (await server.client(valid.sign()).get("/auth/me")).status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Token x", "Bearer a b", "bearer"])
async def test_a_header_without_a_token_is_refused(server: Server, header: str) -> None:
    answer = await server.client(Authorization=header).get("/auth/me")
    assert answer.status_code == 401


async def test_a_header_that_is_not_ascii_is_refused(server: Server) -> None:
    answer = await server.client().get("/auth/me", headers=[(b"authorization", b"Bearer \xff\xfe.\xc3\xa9.x")])
    assert answer.status_code == 401


async def test_clocks_may_differ_by_five_minutes(server: Server, valid: ValidToken, clock: MovableClock) -> None:
    clock.ahead = timedelta(minutes=-4, seconds=-50)
    assert (await server.client(valid.text).get("/auth/me")).status_code == 200
    clock.ahead = timedelta(minutes=-6)
    assert (await server.client(valid.text).get("/auth/me")).status_code == 401


async def test_a_key_is_valid_for_its_own_user_only(server: Server, valid: ValidToken) -> None:
    owner: User = await server.create_user()
    created = await server.client_of(owner).post("/auth/keys", json={"name": "nightly"})
    claims = jwt.decode(created.json()["token"], options={"verify_signature": False})
    assert (await server.client(valid.sign(**claims)).get("/auth/me")).status_code == 200
    stolen = valid.sign(**(claims | {"sub": valid.claims["sub"]}))
    guessed = valid.sign(**(claims | {"sec": "guessed"}))
    for token in (stolen, guessed):
        assert (await server.client(token).get("/auth/me")).status_code == 401


async def test_all_other_routes_need_a_token(server: Server) -> None:
    nobody, checked = server.client(), 0
    for route in server.app.routes:
        path = re.sub(r"\{[^}]*\}", "x", route.path)  # type: ignore[attr-defined]
        for method in sorted(
            set(route.methods or ()) - {"HEAD"} if isinstance(route, APIRoute | AliasRoute) else {"GET"}
        ):
            if (method, path) in PUBLIC or path in ("/static", "/explorer/assets"):
                continue
            answer = await nobody.request(method, path)
            assert answer.status_code == 401, (method, path)
            checked += 1
    assert checked > 30
