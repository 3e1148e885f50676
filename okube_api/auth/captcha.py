"""The captcha: a proof of work (ALTCHA) that takes a browser about a second, and makes guessing passwords slow."""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta

from altcha import Payload, create_challenge, verify_solution

from okube_api.auth.denylist import Denylist
from okube_api.clock import Clock
from okube_api.store.values import Json

LIFETIME = timedelta(minutes=10)
MAX_LEVEL = 4
"""Each level of a challenge takes twice the work of the one before."""


class Captcha:
    """Issues challenges and verifies solutions; each solution is accepted once.

    effort: the greatest number that a challenge of level 0 asks for.
    """

    def __init__(self, secret: bytes, clock: Clock, denylist: Denylist, effort: int) -> None:
        self._key = hmac.digest(secret, b"okube-api captcha", "sha256")
        self._clock = clock
        self._denylist = denylist
        self._effort = effort

    def issue_challenge(self, level: int = 0) -> Json:
        """Return a new challenge in the form of the ALTCHA widget."""
        challenge = create_challenge(
            "SHA-256",
            1,
            counter=secrets.randbelow(self._effort * 2**level + 1),
            expires_at=self._clock() + LIFETIME,
            data={"level": level, "maxCounter": self._effort * 2**level},
            hmac_secret=self._key,
        )
        answer: Json = challenge.to_dict()
        return answer

    async def redeem(self, payload: str, level: int = 0) -> bool:
        """Verify a solution and mark it as used.

        Return whether it solves a challenge of this server of this level or a higher one, which has not expired and was
        not solved before.
        """
        try:
            solution = Payload.from_base64(payload)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return False
        expiry, signature = solution.challenge.parameters.expires_at, solution.challenge.signature
        # The library compares it with the time of the machine, not with our clock; the signature covers it.
        if type(expiry) is not int or expiry <= self._clock().timestamp():
            return False
        if signature is None or not verify_solution(solution, self._key).verified:
            return False
        if (solution.challenge.parameters.data or {}).get("level", 0) < level:
            return False
        identifier = hashlib.sha256(signature.encode()).hexdigest()[:24]
        return await self._denylist.add(identifier, datetime.fromtimestamp(expiry, UTC))
