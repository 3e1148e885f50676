"""Signs and verifies access tokens and API keys: JWT with HMAC-SHA-256.

A token is revoked elsewhere: `LoginSessions.revoke_token` adds its identifier to the denylist
(`auth/denylist.py`), a changed password starts a new generation of the user's credentials, and an API key is deleted.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from okube_api.errors import Unauthorised
from okube_api.kit.ids import is_id
from okube_api.lazy_imports import without_modules

with without_modules("cryptography"):  # 14 MB for algorithms that are not used here
    import jwt
    from jwt.types import Options

ISSUER = AUDIENCE = "okube-api"
ACCESS, API_KEY = "access", "key"
MAX_SKEW = timedelta(minutes=5)  # between the clocks of two processes
MAX_LENGTH = 4096
NEVER_EXPIRES = datetime(9999, 12, 31, tzinfo=UTC)  # of API keys without an expiry: every token must have one

_ALGORITHM = "HS256"
_CACHE_SIZE = 4096
_CLAIMS = ["exp", "iat", "nbf", "aud", "iss", "typ", "sub", "jti", "gen"]
TOKEN_REFUSED = "The token is not valid, has expired or was revoked. Log in again."  # noqa: S105 - a message


@dataclass(frozen=True, slots=True)
class Token:
    """The content of a token.

    identifier: of the token itself, for the denylist.
    generation: of the user's credentials; a changed password starts the next one.
    secret: only in API keys; the store has its hash, so that the signing key alone cannot forge an API key.
    """

    identifier: str
    user: str
    generation: int
    issued: datetime
    expires: datetime
    secret: str | None = None


class Signer:
    """Signs and reads tokens with a key derived from the secret key, which is used for nothing else."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"okube-api access tokens", "sha256")
        self._key_id = hashlib.sha256(self._key).hexdigest()[:16]
        # Verified tokens with their start: verification takes longer than the rest of a small request.
        self._cache: dict[str, tuple[Token, datetime]] = {}

    def sign(self, token: Token) -> str:
        """Return the signed text of a token."""
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
        """Return a valid token.  Raise Unauthorised, with the same message for every reason."""
        verified = self._cache.get(text)
        if verified is None:
            verified = self._verify(text)
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.clear()
            self._cache[text] = verified
        token, starts = verified
        if max(token.issued, starts) > now + MAX_SKEW or token.expires <= now:
            raise Unauthorised(TOKEN_REFUSED)
        return token

    def _verify(self, text: str) -> tuple[Token, datetime]:
        """Return a token that this server signed, and when it becomes valid; times are not checked here."""
        try:
            header = jwt.get_unverified_header(text[: MAX_LENGTH + 1])
            if len(text) > MAX_LENGTH or set(header) != {"alg", "kid", "typ"} or header["kid"] != self._key_id:
                raise Unauthorised(TOKEN_REFUSED)
            return _parse_claims(self._decode(text))
        except (jwt.PyJWTError, ValueError):
            raise Unauthorised(TOKEN_REFUSED) from None

    def _decode(self, text: str) -> dict[str, Any]:
        options: Options = {"require": _CLAIMS, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
        return jwt.decode(text, self._key, [_ALGORITHM], options=options, audience=AUDIENCE, issuer=ISSUER)


def _parse_claims(claims: dict[str, Any]) -> tuple[Token, datetime]:
    times = [claims["iat"], claims["nbf"], claims["exp"], claims["gen"]]
    secret = claims.get("sec")
    if any(type(value) is not int for value in times) or claims["typ"] != (ACCESS if secret is None else API_KEY):
        raise ValueError("a claim has the wrong type")
    if not all(isinstance(claims[name], str) and is_id(claims[name]) for name in ("sub", "jti")):
        raise ValueError("a claim is not an identifier")
    if not all(0 <= value <= NEVER_EXPIRES.timestamp() for value in times) or not isinstance(secret, str | None):
        raise ValueError("a time is out of range, or the secret is not a text")
    issued, starts, expires = (datetime.fromtimestamp(claims[name], UTC) for name in ("iat", "nbf", "exp"))
    return Token(claims["jti"], claims["sub"], claims["gen"], issued, expires, secret), starts
