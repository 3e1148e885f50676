"""Tokens, retries and errors of the client, blocking and asynchronous."""

import json
import pickle
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
from okube_api.client import (
    AsyncOkube,
    NotLoggedIn,
    Okube,
    RateLimited,
    RequestRefused,
    ResourceMissing,
    RetryRule,
    ServerFailed,
    ServerUnreachable,
    UnexpectedAnswer,
)

from tests.client.callers import CALLERS, Caller

OpenCaller = Callable[..., Caller]
LOGIN = {"login": "ann@example.com", "password": "a password"}
EVENT = {"user": "ann"}

pytestmark = pytest.mark.parametrize("open_caller", CALLERS, ids=["blocking", "asynchronous"])


class Script:
    """A server that gives the answers of a list, one after the other, and keeps the requests."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers: Iterator[httpx.Response | Exception] = iter(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def tokens(self) -> list[str | None]:
        """The token of each request."""
        return [request.headers.get("authorization") for request in self.requests]


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def read(self) -> float:
        """Return the seconds that have passed."""
        return self.seconds


def build_login_answer(token: str, valid_s: float | None = 3600) -> httpx.Response:
    expiry = None if valid_s is None else (datetime.now(UTC) + timedelta(seconds=valid_s)).isoformat()
    return httpx.Response(200, json={"auth": {"token": token, "expiresAt": expiry}})


def build_user_answer() -> httpx.Response:
    return httpx.Response(200, json={"user": {}})


def build_problem(status: int, code: str = "x", **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "detail": "No."}, headers=headers)


def test_token_is_requested_once(open_caller: OpenCaller) -> None:
    script = Script(build_login_answer("one", None), build_user_answer(), build_user_answer())
    caller = open_caller(script, **LOGIN)
    caller.run(caller.okube.me())
    caller.run(caller.okube.me())
    assert script.tokens == [None, "Bearer one", "Bearer one"]
    assert json.loads(script.requests[0].content) == LOGIN


def test_token_is_renewed_before_it_expires(open_caller: OpenCaller) -> None:
    script = Script(
        build_login_answer("one", 30),
        build_user_answer(),
        build_login_answer("two"),
        build_user_answer(),
        build_user_answer(),
    )
    caller = open_caller(script, **LOGIN)
    for _ in range(3):
        caller.run(caller.okube.me())
    assert script.tokens == [None, "Bearer one", None, "Bearer two", "Bearer two"]


def test_refused_token_is_renewed_once(open_caller: OpenCaller) -> None:
    script = Script(build_login_answer("one"), build_problem(401), build_login_answer("two"), build_user_answer())
    caller = open_caller(script, **LOGIN)
    caller.run(caller.okube.me())
    assert script.tokens == [None, "Bearer one", None, "Bearer two"]
    script = Script(build_login_answer("one"), build_problem(401), build_login_answer("two"), build_problem(401))
    caller = open_caller(script, **LOGIN)
    with pytest.raises(NotLoggedIn):
        caller.run(caller.okube.me())


def test_given_token_is_not_renewed(open_caller: OpenCaller) -> None:
    script = Script(build_problem(401))
    caller = open_caller(script, token="key")
    with pytest.raises(NotLoggedIn):
        caller.run(caller.okube.me())
    assert script.tokens == ["Bearer key"]


@pytest.mark.parametrize("failure", [503, 429, httpx.ConnectError("away")])
def test_reading_is_repeated(open_caller: OpenCaller, failure: int | Exception) -> None:
    failures = [build_problem(failure) if isinstance(failure, int) else failure for _ in range(3)]
    caller = open_caller(Script(*failures, build_user_answer()), token="key")
    caller.run(caller.okube.me())
    first, second, third = caller.pauses
    assert 0.25 <= first <= 0.5 <= second <= 1 <= third <= 2


@pytest.mark.parametrize("in_seconds", [True, False])
def test_retry_after_is_the_least_pause(open_caller: OpenCaller, in_seconds: bool) -> None:
    after = "7" if in_seconds else format_datetime(datetime.now(UTC) + timedelta(seconds=9), usegmt=True)
    caller = open_caller(Script(build_problem(503, **{"Retry-After": after}), build_user_answer()), token="key")
    caller.run(caller.okube.me())
    assert caller.pauses == pytest.approx([7], abs=2)


def test_long_retry_after_is_an_error(open_caller: OpenCaller) -> None:
    caller = open_caller(Script(build_problem(429, **{"Retry-After": "3600"})), token="key")
    with pytest.raises(RateLimited):
        caller.run(caller.okube.me())
    assert caller.pauses == []


@pytest.mark.parametrize("seconds", [301, 299])
def test_attempts_end_after_some_time(open_caller: OpenCaller, seconds: int) -> None:
    clock = Clock()

    def answer(_request: httpx.Request) -> httpx.Response:
        clock.seconds += seconds
        return build_problem(503) if clock.seconds < 2 * seconds else build_user_answer()

    caller = open_caller(answer, token="key")
    caller.okube._session.read_seconds = clock.read
    if seconds < 300:
        caller.run(caller.okube.me())
    else:
        with pytest.raises(ServerFailed):
            caller.run(caller.okube.me())


def test_question_that_took_too_long_is_not_asked_again(open_caller: OpenCaller) -> None:
    clock = Clock()

    def answer(_request: httpx.Request) -> httpx.Response:
        clock.seconds += 30
        return build_problem(503, **{"Retry-After": "2"})

    caller = open_caller(answer, token="key")
    caller.okube._session.read_seconds = clock.read
    with pytest.raises(ServerFailed):
        caller.run(caller.okube.application("x").ask("performance", "visits"))
    assert clock.seconds == 30


def test_caller_waits_no_longer_than_requested(open_caller: OpenCaller) -> None:
    clock = Clock()
    timeouts: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        timeouts.append(request.extensions["timeout"]["read"])
        clock.seconds += 4
        return build_problem(503, **{"Retry-After": "1"})

    caller = open_caller(answer, token="key")
    caller.okube._session.read_seconds = clock.read
    with pytest.raises(ServerFailed):
        caller.run(caller.okube.application("x").ask("performance", "visits", timeout_s=9))
    assert timeouts == [9, 5, 1]


@pytest.mark.parametrize(
    ("failure", "message"),
    [(httpx.ConnectError("refused"), r"does not answer \(refused\)"), (httpx.ReadTimeout("slow"), "no answer in time")],
)
def test_attempts_end(open_caller: OpenCaller, failure: Exception, message: str) -> None:
    caller = open_caller(Script(*[failure] * 3), token="key", retries=RetryRule(times=2))
    with pytest.raises(ServerUnreachable, match=message):
        caller.run(caller.okube.me())
    assert len(caller.pauses) == 2


def test_request_that_cannot_be_sent_is_not_repeated(open_caller: OpenCaller) -> None:
    caller = open_caller(Script(httpx.LocalProtocolError("Illegal header value")), token="key")
    with pytest.raises(ServerUnreachable, match="cannot be sent: Illegal header value"):
        caller.run(caller.okube.me())


def test_question_is_repeated_though_it_is_a_post(open_caller: OpenCaller) -> None:
    answer = httpx.Response(200, json={"results": [], "meta": {"notes": []}})
    caller = open_caller(Script(build_problem(503), answer), token="key")
    assert caller.run(caller.okube.application("x").ask("performance", "visits")).results == []


def test_question_that_took_too_long_is_not_repeated(open_caller: OpenCaller) -> None:
    caller = open_caller(Script(build_problem(503, "question_timeout")), token="key")
    with pytest.raises(ServerFailed) as error:
        caller.run(caller.okube.application("x").ask("performance", "visits"))
    assert (error.value.code, caller.pauses) == ("question_timeout", [])


def test_creation_is_repeated_with_its_key(open_caller: OpenCaller) -> None:
    script = Script(httpx.ReadError("cut"), build_problem(409, "conflict"), httpx.Response(201, json={"_id": "5"}))
    caller = open_caller(script, token="key")
    assert caller.run(caller.okube.application("x").sites.create(name="Lyon")).id == "5"
    assert len({request.headers["idempotency-key"] for request in script.requests}) == 1
    caller = open_caller(Script(build_problem(409, "already_exists")), token="key")
    with pytest.raises(RequestRefused, match="409"):
        caller.run(caller.okube.application("x").sites.create(name="Lyon"))


@pytest.mark.parametrize("failure", [429, httpx.ConnectError("away")])
def test_change_that_was_not_begun_is_repeated(open_caller: OpenCaller, failure: int | Exception) -> None:
    refusal = build_problem(failure) if isinstance(failure, int) else failure
    caller = open_caller(Script(refusal, httpx.Response(200, json={"_id": "5"})), token="key")
    assert caller.run(caller.okube.application("x").sites.update("lyon", {"name": "x"})).id == "5"


@pytest.mark.parametrize("name", ["update", "delete"])
def test_change_without_a_key_is_not_repeated(open_caller: OpenCaller, name: str) -> None:
    caller = open_caller(Script(build_problem(503)), token="key")
    sites = caller.okube.application("x").sites
    with pytest.raises(RequestRefused):
        caller.run(sites.update("lyon", {"name": "x"}) if name == "update" else sites.delete("lyon"))


def test_file_is_sent_whole_in_each_attempt(open_caller: OpenCaller, tmp_path: Path) -> None:
    path = tmp_path / "visits.csv.gz"
    path.write_bytes(b"0123456789" * 300_000)
    bodies: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["content-encoding"] == "gzip"
        assert request.headers["content-length"] == "3000000"
        bodies.append(request.content)
        return httpx.Response(201, json={"_id": "1"}) if len(bodies) == 2 else build_problem(503)

    caller = open_caller(answer, token="key")
    assert caller.run(caller.okube.application("x").ingest("visits", path)) == {"_id": "1"}
    assert [len(body) for body in bodies] == [3_000_000] * 2


def test_events_are_not_lost_between_attempts(open_caller: OpenCaller) -> None:
    """Send an iterator again, although it can be read once only."""
    bodies: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return httpx.Response(201, json={}) if len(bodies) == 2 else build_problem(503)

    caller = open_caller(answer, token="key")
    caller.run(caller.okube.application("x").ingest("visits", (EVENT for _ in range(2))))
    assert bodies == [b'{"user": "ann"}\n' * 2] * 2


def test_pages_are_read_as_they_are_needed(open_caller: OpenCaller) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        documents = [{"_id": f"{page}-{number}"} for number in range(2)]
        return httpx.Response(200, json={"documents": documents, "_$paginated": {"has_more": page < 3}})

    caller = open_caller(answer, token="key")
    sites = caller.list_items(caller.okube.application("x").sites(tags=["a", "b"], active=True))
    assert [site.id for site in sites] == ["1-0", "1-1", "2-0", "2-1", "3-0", "3-1"]


def test_answer_that_is_no_problem_is_an_error_with_the_status(open_caller: OpenCaller) -> None:
    caller = open_caller(Script(httpx.Response(418, text="<html>")), token="key")
    with pytest.raises(RequestRefused, match="The server answered 418"):
        caller.run(caller.okube.me())


def test_address_and_token_are_read_from_the_environment(
    open_caller: OpenCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OKUBE_TOKEN", "secret")
    script = Script(build_user_answer())
    caller = open_caller(script)
    caller.run(caller.okube.me())
    assert script.tokens == ["Bearer secret"]
    monkeypatch.delenv("OKUBE_URL", raising=False)
    client = type(caller.okube)
    assert client in {Okube, AsyncOkube}
    with pytest.raises(ValueError, match="OKUBE_URL"):
        client()
    with pytest.raises(ValueError, match="password"):
        client("http://okube.test", login="ann@example.com")


def test_answer_that_is_no_json_is_an_error(open_caller: OpenCaller) -> None:
    caller = open_caller(Script(httpx.Response(200, html="<p>Welcome</p>")), token="key")
    with pytest.raises(UnexpectedAnswer, match=r"text/html.*Check the address"):
        caller.run(caller.okube.me())


def test_redirection_names_the_other_address(open_caller: OpenCaller) -> None:
    redirection = httpx.Response(301, headers={"Location": "https://okube.test/auth/me"})
    caller = open_caller(Script(redirection), token="key")
    with pytest.raises(RequestRefused, match=r"redirects to https://okube\.test/auth/me"):
        caller.run(caller.okube.me())


def test_token_is_sent_to_the_server_alone(open_caller: OpenCaller) -> None:
    caller = open_caller(Script(), token="key")
    with pytest.raises(ValueError, match="does not begin with '/'"):
        caller.run(caller.okube.request("GET", "http://elsewhere.test/"))


def test_token_may_end_in_a_line_break(open_caller: OpenCaller) -> None:
    script = Script(build_user_answer())
    caller = open_caller(script, token="key\n")
    caller.run(caller.okube.me())
    assert script.tokens == ["Bearer key"]


@pytest.mark.parametrize("detail", ["Unknown KPI 'sale'.", "'params.1.kpi': Unknown KPI 'sale'."])
def test_only_fault_is_printed_once(open_caller: OpenCaller, detail: str) -> None:
    fault = {"in": "body", "pointer": "/params/1/kpi", "code": "unknown_kpi", "message": "Unknown KPI 'sale'."}
    problem = httpx.Response(400, json={"detail": detail, "errors": [fault]})
    caller = open_caller(Script(problem), token="key")
    with pytest.raises(RequestRefused) as refusal:
        caller.run(caller.okube.application("x").sites.get("lyon"))
    assert str(refusal.value) == "400: /params/1/kpi: Unknown KPI 'sale'."


def test_refusal_can_be_pickled(open_caller: OpenCaller) -> None:
    problem = httpx.Response(404, json={"detail": "No.", "requestId": "r"})
    caller = open_caller(Script(problem), token="key")
    with pytest.raises(ResourceMissing) as refusal:
        caller.run(caller.okube.application("x").sites.get("lyon"))
    error = pickle.loads(pickle.dumps(refusal.value))
    assert (type(error), str(error), error.request_id) == (ResourceMissing, "404: No.", "r")


def test_names_are_encoded_in_paths(open_caller: OpenCaller) -> None:
    script = Script(httpx.Response(200, json={"_id": "1"}))
    caller = open_caller(script, token="key")
    caller.run(caller.okube.application("a/b").sites.get("é?"))
    assert script.requests[0].url.raw_path == b"/applications/a%2Fb/sites/%C3%A9%3F"
