"""The session with a server: the token and its renewal, retries, and problem documents as errors."""

import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from okube_api.client.calls import CallPlan, ExclusivePlan, HttpCall, Pause
from okube_api.client.errors import ServerUnreachable, build_error, read_json
from okube_api.client.request_values import encode_json, format_params

_log = logging.getLogger("okube_api.client")
_RENEW_BEFORE_S = 60
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.5, 30.0
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_BUSY = frozenset({429, 502, 503, 504})
_LONGEST_REFUSAL_S = 10.0
"""A busy server refuses within it.  A question that is refused later took too long, and would again."""
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_NEVER_REPEATED = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)  # faults of the request


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How often a request is repeated, and how long the server may ask to wait before that.

    times: after the first attempt; 0 for none.
    longest_wait_s: an answer with a longer `Retry-After` is an error at once.
    within_s: no attempt begins later than this after the first one; where a call has a `timeout_s`, that counts.
    """

    times: int = 4
    longest_wait_s: float = 120.0
    within_s: float = 300.0


STANDARD_RETRIES = RetryRule()


def _get_present() -> datetime:
    return datetime.now(UTC)


class ServerSession:
    """Sends requests with a token, as plans.

    login, password: for a token that the session requests, and renews before it expires or when it is refused.
    token: instead of a login; an API key, or a token that cannot be renewed.
    """

    def __init__(
        self,
        *,
        login: str | None = None,
        password: str | None = None,
        token: str | None = None,
        retries: RetryRule = STANDARD_RETRIES,
        read_clock: Callable[[], datetime] = _get_present,
        read_seconds: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._credentials = None if login is None else {"login": login, "password": password}
        self._token = token
        self._expires_at: datetime | None = None
        self._retries = retries
        self._read_clock = read_clock
        self.read_seconds = read_seconds
        self._draw = draw

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        is_safe: bool = False,
        timeout_s: float | None = None,
        target: Path | None = None,
    ) -> CallPlan[httpx.Response]:
        """Return the plan of a request with a JSON body, and of its response.  Raise RequestRefused.

        is_safe: whether the request changes nothing, although its method may, as that of questions.
        timeout_s: the longest time until the response, retries included.
        target: the file for the body of the response.
        """
        content = None if body is None else encode_json(body)
        content_type = {} if body is None else {"Content-Type": "application/json"}
        call = HttpCall(
            method, path, format_params(params or {}), {**content_type, **(headers or {})}, content, target=target
        )
        return self.send(call, is_safe=is_safe, timeout_s=timeout_s)

    def send(
        self, call: HttpCall, *, is_safe: bool = False, timeout_s: float | None = None
    ) -> CallPlan[httpx.Response]:
        """Send a call with the token and return the response.  Raise RequestRefused or ServerUnreachable.

        Only what may be sent twice is repeated: requests that change nothing, those with an `Idempotency-Key`, and
        those that the server has not received, or has refused by its limit of requests.
        timeout_s: the longest time until the response, retries included.
        """
        end_s = None if timeout_s is None else self.read_seconds() + timeout_s
        if self._credentials is not None and self._is_token_old():
            yield ExclusivePlan(self._renew_token(self._token))
        token = self._token
        response = yield from self._repeat(self._authorise(call), is_safe=is_safe, end_s=end_s)
        if response.status_code == 401 and self._credentials is not None:
            yield ExclusivePlan(self._renew_token(token))
            response = yield from self._repeat(self._authorise(call), is_safe=is_safe, end_s=end_s)
        if not response.is_success:
            raise build_error(response)
        return response

    def _authorise(self, call: HttpCall) -> HttpCall:
        if self._token is None:
            return call
        return replace(call, headers={**call.headers, "Authorization": f"Bearer {self._token}"})

    def _is_token_old(self) -> bool:
        if self._token is None:
            return True
        if self._expires_at is None:
            return False
        return (self._expires_at - self._read_clock()).total_seconds() < _RENEW_BEFORE_S

    def _renew_token(self, token: str | None) -> CallPlan[None]:
        """Request a token, unless another caller has done so since this one was read."""
        if self._token != token:
            return
        body = json.dumps(self._credentials).encode()
        call = HttpCall("POST", "/auth/login", headers={"Content-Type": "application/json"}, content=body)
        response = yield from self._repeat(call, is_safe=True, end_s=None)
        if not response.is_success:
            raise build_error(response)
        authentication = read_json(response)["auth"]
        expiry = authentication["expiresAt"]
        self._expires_at = None if expiry is None else datetime.fromisoformat(expiry)
        self._token = authentication["token"]

    def _repeat(self, call: HttpCall, *, is_safe: bool, end_s: float | None) -> CallPlan[httpx.Response]:
        """Send a call until the server is neither busy nor away, as often and as long as the rule allows.

        end_s: when the caller waits no longer.
        """
        latest_s = self.read_seconds() + self._retries.within_s if end_s is None else end_s
        for attempt in range(self._retries.times + 1):
            sent_s = self.read_seconds()
            outcome: httpx.Response | httpx.TransportError
            try:
                outcome = yield call if end_s is None else replace(call, timeout_s=max(end_s - sent_s, 0.001))
            except httpx.TransportError as error:
                outcome = error
            now_s = self.read_seconds()
            delay_s = self._find_delay(call, outcome, attempt, is_safe=is_safe, took_s=now_s - sent_s)
            if delay_s is None or attempt == self._retries.times or now_s + delay_s > latest_s:
                if isinstance(outcome, httpx.TransportError):
                    raise _describe_failure(call, outcome) from outcome
                return outcome
            reason = str(outcome.status_code) if isinstance(outcome, httpx.Response) else type(outcome).__name__
            _log.warning("%s %s: %s. It is sent again in %.1f s.", call.method, call.path, reason, delay_s)
            yield Pause(delay_s)
        raise AssertionError("The last attempt returns or raises.")

    def _find_delay(
        self,
        call: HttpCall,
        outcome: httpx.Response | httpx.TransportError,
        attempt: int,
        *,
        is_safe: bool,
        took_s: float,
    ) -> float | None:
        """Return the seconds until a call may be sent again; None when it may not."""
        is_keyed = "Idempotency-Key" in call.headers
        is_repeatable = is_safe or is_keyed or call.method in _SAFE_METHODS
        delay_s: float = min(_FIRST_DELAY_S * 2**attempt, _LONGEST_DELAY_S) * (0.5 + self._draw() / 2)
        if isinstance(outcome, httpx.TransportError):
            if isinstance(outcome, _NEVER_REPEATED) or not (is_repeatable or isinstance(outcome, _NEVER_SENT)):
                return None
            return delay_s
        if outcome.status_code != 429:
            # While the first request with a key is in work, further ones are a conflict: its answer comes later.
            is_in_work = is_keyed and outcome.status_code == 409 and build_error(outcome).code == "conflict"
            was_slow = is_safe and took_s > _LONGEST_REFUSAL_S
            if outcome.status_code == 503 and build_error(outcome).code == "question_timeout":
                was_slow = True
            if not is_repeatable or was_slow or not (outcome.status_code in _BUSY or is_in_work):
                return None
        requested_s: float = self._read_retry_after(outcome)
        return None if requested_s > self._retries.longest_wait_s else max(delay_s, requested_s)

    def _read_retry_after(self, response: httpx.Response) -> float:
        """Return the seconds that the server asks to wait, 0 if it does not; the header has seconds or an instant."""
        text = response.headers.get("retry-after", "")
        if text.isascii() and text.isdigit():
            return float(text)
        try:
            instant = parsedate_to_datetime(text)
        except ValueError:
            return 0.0
        if instant.tzinfo is None:  # the offset `-0000`
            instant = instant.replace(tzinfo=UTC)
        return max(0.0, (instant - self._read_clock()).total_seconds())


def _describe_failure(call: HttpCall, error: httpx.TransportError) -> ServerUnreachable:
    reason = str(error) or type(error).__name__
    if isinstance(error, _NEVER_REPEATED):
        return ServerUnreachable(f"{call.method} {call.path} cannot be sent: {reason}.")
    if isinstance(error, httpx.ReadTimeout):
        return ServerUnreachable(f"{call.method} {call.path}: no answer in time. Give a longer timeout_s.")
    return ServerUnreachable(
        f"{call.method} {call.path}: the server does not answer ({reason}). Check the URL, and that the server is "
        "running."
    )


def create_idempotency_key() -> str:
    """Return a key that no other request has."""
    return str(uuid4())
