"""Access tokens and API keys: JWT signed with HMAC-SHA-256, and everything in them that must hold."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from okube_api.errors import Unauthorised
from okube_api.kit.ids import is_id
from okube_api.lazy_imports import left_out

with left_out("cryptography"):  # 14 MB for algorithms that are not used here
    import jwt
    from jwt.types import Options

ISSUER = AUDIENCE = "okube-api"
ACCESS, API_KEY = "access", "key"
SKEW = timedelta(minutes=5)  # how far the clocks of two processes may be apart
LONGEST = 4096
NEVER = datetime(9999, 12, 31, tzinfo=UTC)  # when an API key without an end ends: every token says when

_ALGORITHM = "HS256"
_MOST_KNOWN = 4096
_CLAIMS = ["exp", "iat", "nbf", "aud", "iss", "typ", "sub", "jti", "gen"]
_REFUSED = "The token is not valid, has expired or was revoked. Log in again."


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says.

    identifier: of the token itself, for revocation.
    generation: of the user's credentials; a changed password starts the next one.
    secret: only in API keys; the store knows its hash, so that the signing key alone cannot make one.
    """

    identifier: str
    user: str
    generation: int
    issued: datetime
    expires: datetime
    secret: str | None = None


class Signer:
    """Signs and reads tokens with keys derived from the secret, so that no other use of it can forge one."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"okube-api access tokens", "sha256")
        self._key_id = hashlib.sha256(self._key).hexdigest()[:16]
        self._known: dict[str, tuple[Token, datetime]] = {}  # verifying takes longer than all else of a request

    def sign(self, token: Token) -> str:
        """The token as it travels."""
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "typ": API_KEY if token.secret else ACCESS,
            "sub": token.user,
            "jti": token.identifier,
            "gen": token.generation,
            "iat": int(token.issued.timestamp()),
            "nbf": int(token.issued.timestamp()),
            "exp": int(token.expires.timestamp()),
            **({"sec": token.secret} if token.secret else {}),
        }
        return jwt.encode(claims, self._key, _ALGORITHM, headers={"kid": self._key_id})

    def read(self, text: str, now: datetime) -> Token:
        """The token, when all of it holds.  Raises Unauthorised, which never says what did not."""
        known = self._known.get(text)
        if known is None:
            known = self._verified(text)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[text] = known
        token, starts = known
        if max(token.issued, starts) > now + SKEW or token.expires <= now:
            raise Unauthorised(_REFUSED)
        return token

    def _verified(self, text: str) -> tuple[Token, datetime]:
        """What a token of ours says, and when it starts to be good; its times are not held to any clock yet."""
        try:
            header = jwt.get_unverified_header(text[: LONGEST + 1])
            if len(text) > LONGEST or set(header) != {"alg", "kid", "typ"} or header["kid"] != self._key_id:
                raise Unauthorised(_REFUSED)
            return _token(self._claims(text))
        except (jwt.PyJWTError, ValueError):
            raise Unauthorised(_REFUSED) from None

    def _claims(self, text: str) -> dict[str, Any]:
        options: Options = {"require": _CLAIMS, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
        return jwt.decode(text, self._key, [_ALGORITHM], options=options, audience=AUDIENCE, issuer=ISSUER)


def _token(claims: dict[str, Any]) -> tuple[Token, datetime]:
    times = [claims["iat"], claims["nbf"], claims["exp"], claims["gen"]]
    secret = claims.get("sec")
    if any(type(value) is not int for value in times) or claims["typ"] != (ACCESS if secret is None else API_KEY):
        raise ValueError("a claim of the wrong type")
    if not all(isinstance(claims[name], str) and is_id(claims[name]) for name in ("sub", "jti")):
        raise ValueError("no identifiers")
    if not all(0 <= value <= NEVER.timestamp() for value in times) or not isinstance(secret, str | None):
        raise ValueError("an instant that no calendar holds, or no secret")
    issued, starts, expires = (datetime.fromtimestamp(claims[name], UTC) for name in ("iat", "nbf", "exp"))
    return Token(claims["jti"], claims["sub"], claims["gen"], issued, expires, secret), starts
