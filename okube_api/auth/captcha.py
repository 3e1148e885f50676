"""The captcha: a proof of work (ALTCHA) that takes a browser about a second, and makes guessing passwords slow."""

import hashlib
import hmac
from base64 import b64decode
from binascii import Error as Base64Error
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import orjson
from altcha.v1 import ChallengeOptions, Payload, create_challenge, verify_solution

from okube_api.auth.denylist import Denylist
from okube_api.clock import Clock
from okube_api.store.values import Json

LIFETIME = timedelta(minutes=10)


class Captcha:
    """Issues challenges and verifies solutions; each solution is accepted once.

    effort: the greatest number that a challenge asks for.
    """

    def __init__(self, secret: bytes, clock: Clock, denylist: Denylist, effort: int) -> None:
        self._key = hmac.digest(secret, b"okube-api captcha", "sha256")
        self._clock = clock
        self._denylist = denylist
        self._effort = effort

    def issue_challenge(self) -> Json:
        """Return a new challenge in the form of the ALTCHA widget."""
        options = ChallengeOptions(hmac_key=self._key, max_number=self._effort, expires=self._clock() + LIFETIME)
        challenge = create_challenge(options)
        return {
            "algorithm": challenge.algorithm,
            "challenge": challenge.challenge,
            "maxnumber": challenge.max_number,
            "salt": challenge.salt,
            "signature": challenge.signature,
        }

    async def redeem(self, payload: str) -> bool:
        """Verify a solution and mark it as used.

        Return whether it solves a challenge of this server that has not expired and was not solved before.
        """
        solution = _parse_solution(payload)
        if solution is None or not verify_solution(solution, self._key, check_expires=False)[0]:
            return False
        expires = _parse_expiry(solution.salt)
        if expires <= self._clock():
            return False
        return await self._denylist.add(hashlib.sha256(solution.challenge.encode()).hexdigest()[:24], expires)


def _parse_solution(payload: str) -> Payload | None:
    """Return the solution in base64-encoded JSON; None for anything else."""
    try:
        fields: dict[str, Any] = orjson.loads(b64decode(payload, validate=True))
        texts = [fields[name] for name in ("challenge", "salt", "signature")]
        number = fields["number"]
    except (Base64Error, ValueError, KeyError, TypeError):
        return None
    if fields.get("algorithm") != "SHA-256" or type(number) is not int:
        return None
    if not all(isinstance(text, str) for text in texts):
        return None
    challenge, salt, signature = texts
    return Payload("SHA-256", challenge, number, salt, signature)


def _parse_expiry(salt: str) -> datetime:
    """Return when a challenge expires, as its salt says; the signature covers the salt."""
    return datetime.fromtimestamp(int(parse_qs(salt.partition("?")[2])["expires"][0]), UTC)
