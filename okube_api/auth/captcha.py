"""The captcha: a proof of work (ALTCHA) that costs a browser a second, and someone who guesses passwords a lot."""

import hashlib
import hmac
from base64 import b64decode
from binascii import Error as NoBase64
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
    """Makes challenges, and knows their solutions; each is good once."""

    def __init__(self, secret: bytes, clock: Clock, spent: Denylist, effort: int) -> None:
        self._key = hmac.digest(secret, b"okube-api captcha", "sha256")
        self._clock = clock
        self._spent = spent
        self._effort = effort

    def issue_challenge(self) -> Json:
        """A new challenge, as the ALTCHA widget takes it."""
        options = ChallengeOptions(hmac_key=self._key, max_number=self._effort, expires=self._clock() + LIFETIME)
        made = create_challenge(options)
        return {
            "algorithm": made.algorithm,
            "challenge": made.challenge,
            "maxnumber": made.max_number,
            "salt": made.salt,
            "signature": made.signature,
        }

    async def redeem(self, payload: str) -> bool:
        """Whether this is the solution of a challenge of ours, in time, and for the first time."""
        solution = _read(payload)
        if solution is None or not verify_solution(solution, self._key, check_expires=False)[0]:
            return False
        expires = _expiry(solution.salt)
        if expires <= self._clock():
            return False
        return await self._spent.add(hashlib.sha256(solution.challenge.encode()).hexdigest()[:24], expires)


def _read(payload: str) -> Payload | None:
    """The solution in base64-encoded JSON; None for anything else."""
    try:
        given: dict[str, Any] = orjson.loads(b64decode(payload, validate=True))
        texts = [given[name] for name in ("challenge", "salt", "signature")]
        number = given["number"]
    except (NoBase64, ValueError, KeyError, TypeError):
        return None
    if given.get("algorithm") != "SHA-256" or type(number) is not int or not all(isinstance(one, str) for one in texts):
        return None
    challenge, salt, signature = texts
    return Payload("SHA-256", challenge, number, salt, signature)


def _expiry(salt: str) -> datetime:
    """The end that a salt of ours carries; it is signed with the challenge."""
    return datetime.fromtimestamp(int(parse_qs(salt.partition("?")[2])["expires"][0]), UTC)
