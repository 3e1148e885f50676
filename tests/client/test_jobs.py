"""Questions as jobs: how the client waits for them."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from okube_api.client import JobUnfinished, RequestRefused

from tests.client.callers import CALLERS, Caller

OpenCaller = Callable[..., Caller]
pytestmark = pytest.mark.parametrize("open_caller", CALLERS, ids=["blocking", "asynchronous"])


class JobServer:
    """A server whose job ends after some requests; each request takes as long as it may."""

    def __init__(self, unfinished: int, end: Mapping[str, Any], poll_share: float = 1.0) -> None:
        self.seconds = 0.0
        self.polls: list[int] = []
        self.has_result_request = False
        self._unfinished = unfinished
        self._end = end
        self._poll_share = poll_share

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        if request.method == "POST":
            return httpx.Response(202, json={"_id": "5", "state": "queued", "progress": 0})
        if request.url.path.endswith("/result"):
            self.has_result_request = True
            return httpx.Response(200, json={"results": [], "meta": {"notes": []}})
        poll_s = int(request.url.params["wait"])
        self.polls.append(poll_s)
        self.seconds += poll_s * self._poll_share
        state = {"state": "running", "progress": 0.5} if len(self.polls) <= self._unfinished else self._end
        return httpx.Response(200, json={"_id": "5", "progress": 1, **state})

    def read_seconds(self) -> float:
        """Return the seconds that have passed."""
        return self.seconds


def open_application(open_caller: OpenCaller, server: JobServer) -> tuple[Caller, Any]:
    """Return a caller of a server, and an application of it."""
    caller = open_caller(server.answer, token="key")
    caller.okube._session.read_seconds = server.read_seconds
    return caller, caller.okube.application("x")


def test_answer_of_a_job_is_awaited(open_caller: OpenCaller) -> None:
    server = JobServer(2, {"state": "done"})
    caller, application = open_application(open_caller, server)
    assert caller.run(application.ask("performance", "visits", wait=False)).results == []
    assert (server.polls, caller.pauses) == ([20, 20, 20], [])


def test_server_that_answers_at_once_is_not_asked_incessantly(open_caller: OpenCaller) -> None:
    server = JobServer(2, {"state": "done"}, poll_share=0)
    caller, application = open_application(open_caller, server)
    caller.run(application.wait_for("5"))
    assert caller.pauses == [1, 1]


def test_caller_waits_for_a_job_no_longer_than_requested(open_caller: OpenCaller) -> None:
    server = JobServer(9, {"state": "done"})
    caller, application = open_application(open_caller, server)
    with pytest.raises(JobUnfinished, match="running after 30 s") as error:
        caller.run(application.wait_for("5", timeout_s=30))
    assert (server.polls, error.value.job_id) == ([20, 10], "5")


def test_problem_of_a_failed_job_is_raised_at_once(open_caller: OpenCaller) -> None:
    problem = {"status": 503, "code": "question_timeout", "detail": "The question took more than 600 seconds."}
    server = JobServer(0, {"state": "failed", "error": problem})
    caller, application = open_application(open_caller, server)
    with pytest.raises(RequestRefused, match="took more than 600 seconds") as error:
        caller.run(application.wait_for("5"))
    assert (error.value.status, error.value.code) == (503, "question_timeout")
    assert (server.has_result_request, caller.pauses) == (False, [])


def test_jobs_of_the_list_can_be_cancelled(open_caller: OpenCaller) -> None:
    cancelled: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            cancelled.append(request.url.path)
            return httpx.Response(204)
        job = {"_id": "5", "state": "running", "progress": 0.5}
        return httpx.Response(200, json={"documents": [job], "_$paginated": {"has_more": False}})

    caller = open_caller(answer, token="key")
    application = caller.okube.application("x")
    (job,) = caller.list_items(application.jobs(state="running"))
    assert (job.progress, job.is_ended) == (0.5, False)
    caller.run(application.cancel(job))
    assert cancelled == ["/applications/x/jobs/5"]
