"""The session with a server: the token and its renewal, retries, and problem documents as errors."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx

from okube_api.client.calls import CallPlan, HttpCall, Pause
from okube_api.client.errors import ServerUnreachable, build_error

_RENEW_BEFORE_S = 60
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.5, 30.0
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_BUSY = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How often a request is repeated, and how long the server may ask to wait before that.

    times: after the first attempt; 0 for none.
    longest_wait_s: an answer with a longer `Retry-After` is an error at once.
    """

    times: int = 4
    longest_wait_s: float = 120.0


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
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._credentials = None if login is None else {"login": login, "password": password}
        self._token = token
        self._expires_at: datetime | None = None
        self._retries = retries
        self._read_clock = read_clock
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
    ) -> CallPlan[httpx.Response]:
        """Return the plan of a request with a JSON body, and of its response.  Raise RequestRefused.

        is_safe: whether the request changes nothing, although its method may, as that of questions.
        """
        content = None if body is None else json.dumps(body, default=format_value).encode()
        content_type = {} if body is None else {"Content-Type": "application/json"}
        call = HttpCall(
            method, path, format_params(params or {}), {**content_type, **(headers or {})}, content, timeout_s
        )
        return self.send(call, is_safe=is_safe)

    def send(self, call: HttpCall, *, is_safe: bool = False) -> CallPlan[httpx.Response]:
        """Send a call with the token and return the response.  Raise RequestRefused or ServerUnreachable.

        Only what may be sent twice is repeated: requests that change nothing, and those with an `Idempotency-Key`.
        """
        is_keyed = "Idempotency-Key" in call.headers
        is_repeatable = is_safe or is_keyed or call.method in _SAFE_METHODS
        if self._credentials is not None and self._is_token_old():
            yield from self._log_in()
        token = self._token
        response = yield from self._repeat(self._authorise(call), is_repeatable=is_repeatable, is_keyed=is_keyed)
        if response.status_code == 401 and self._credentials is not None:
            if self._token == token:  # else another thread has renewed it
                yield from self._log_in()
            response = yield from self._repeat(self._authorise(call), is_repeatable=is_repeatable, is_keyed=is_keyed)
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

    def _log_in(self) -> CallPlan[None]:
        body = json.dumps(self._credentials).encode()
        call = HttpCall("POST", "/auth/login", headers={"Content-Type": "application/json"}, content=body)
        response = yield from self._repeat(call, is_repeatable=True, is_keyed=False)
        if not response.is_success:
            raise build_error(response)
        authentication = response.json()["auth"]
        self._token = authentication["token"]
        expiry = authentication["expiresAt"]
        self._expires_at = None if expiry is None else datetime.fromisoformat(expiry)

    def _repeat(self, call: HttpCall, *, is_repeatable: bool, is_keyed: bool) -> CallPlan[httpx.Response]:
        """Send a call until the server is neither busy nor away, as often as the rule allows."""
        last_attempt = self._retries.times if is_repeatable else 0
        for attempt in range(last_attempt + 1):
            delay_s = min(_FIRST_DELAY_S * 2**attempt, _LONGEST_DELAY_S) * (0.5 + self._draw() / 2)
            try:
                response: httpx.Response = yield call
            except httpx.TransportError as error:
                if attempt == last_attempt:
                    raise ServerUnreachable(
                        f"{call.method} {call.path}: the server does not answer ({error or type(error).__name__}). "
                        "Check the URL, and that the server is running."
                    ) from error
            else:
                # While the first request with a key is in work, further ones are a conflict: its answer comes later.
                is_in_work = is_keyed and response.status_code == 409 and build_error(response).code == "conflict"
                if attempt == last_attempt or not (response.status_code in _BUSY or is_in_work):
                    return response
                requested_s = self._read_retry_after(response)
                if requested_s > self._retries.longest_wait_s:
                    return response
                delay_s = max(delay_s, requested_s)
            yield Pause(delay_s)
        raise AssertionError("The last attempt returns or raises.")

    def _read_retry_after(self, response: httpx.Response) -> float:
        """Return the seconds that the server asks to wait, 0 if it does not; the header has seconds or an instant."""
        text = response.headers.get("retry-after", "")
        if text.isdigit():
            return float(text)
        try:
            instant = parsedate_to_datetime(text)
        except ValueError:
            return 0.0
        return max(0.0, (instant - self._read_clock()).total_seconds())


def build_path(*parts: str) -> str:
    """Return a path of these parts, each of which may have any characters."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def create_idempotency_key() -> str:
    """Return a key that no other request has."""
    return str(uuid4())


def format_value(value: Any) -> Any:
    """Return a value as JSON has it: days and instants as texts, numbers of other libraries as those of Python."""
    if isinstance(value, date):  # also instants
        return value.isoformat()
    if hasattr(value, "item"):  # of numpy
        return value.item()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)  # such as Decimal and UUID


def format_params(params: Mapping[str, Any]) -> dict[str, str | Sequence[str]]:
    """Return the parameters of a query as texts, without those that are None."""
    return {
        name: [_format_param(each) for each in value]
        if isinstance(value, list | tuple | set | frozenset)
        else _format_param(value)
        for name, value in params.items()
        if value is not None
    }


def _format_param(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(format_value(value)) if not isinstance(value, str) else value
