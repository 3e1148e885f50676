"""An application: its questions, jobs, events and resources."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Unpack

from okube_api.client.analytics_answer import AnalyticsAnswer, read_answer
from okube_api.client.calls import (
    AsyncCaller,
    AsyncTransport,
    BlockingCaller,
    BlockingTransport,
    CallPlan,
    HttpCall,
    Listing,
    Operation,
    PagePlan,
    Pause,
)
from okube_api.client.errors import JobUnfinished
from okube_api.client.event_content import Events, open_content
from okube_api.client.question import AnalyticsQuestion, Kpis, ModuleName, QuestionArguments, build_question
from okube_api.client.resource_lists import AsyncResourceList, ResourceDocument, ResourceList, plan_pages
from okube_api.client.session import ServerSession, build_path, create_idempotency_key, format_params

EventKind = Literal[
    "areas", "panelists", "pings", "stays", "detections", "touches", "deliveries", "visits", "purchases"
]
_LONGEST_POLL_S = 20
_INGEST_TIMEOUT_S = 3600.0


@dataclass(frozen=True, slots=True)
class QuestionJob:
    """A question that the server answers in the background.

    state: `queued`, `running`, `done`, `failed` or `cancelled`.
    progress: from 0 to 1.
    document: the whole job, as the API describes it.
    """

    id: str
    state: str
    progress: float
    document: Mapping[str, Any]

    @property
    def is_ended(self) -> bool:
        """Whether the state is final."""
        return self.state not in {"queued", "running"}


class _ApplicationCalls:
    """What an application can do."""

    def __init__(self, session: ServerSession, id_or_key: str) -> None:
        self._session = session
        self.id_or_key = id_or_key
        self._path = build_path("applications", id_or_key)

    @Operation
    def get(self) -> CallPlan[ResourceDocument]:
        """Return the application with its settings."""
        response = yield from self._session.request("GET", self._path)
        return ResourceDocument(response.json(), response.headers.get("etag"))

    @Operation
    def ask(
        self,
        /,
        module: ModuleName,
        kpis: Kpis,
        *,
        wait: bool = True,
        timeout_s: float | None = None,
        **arguments: Unpack[QuestionArguments],
    ) -> CallPlan[AnalyticsAnswer]:
        """Ask a question and return the answer.

        module: `geo-marketing`, `conversion`, `presence` or `performance`.
        kpis: a name, or several; a mapping is a whole param, whose fields count more than the arguments.
        wait: False makes the question a job, for questions that take longer than the server gives to a request; the
        answer is returned when the job is done.  `submit` returns the job instead.
        timeout_s: the longest time to wait for the answer.
        start, until: the first and the last day.
        by: the length of a bucket; None for the whole period only.
        mode: `histogram` has a bucket for each interval, `aggregation` one for each category, as the hour of the day.
        scopes: what to break down by, such as `["sites"]`, or options by scope: `{"sites": {"limit": 10}}`.
        group_by: one or two groupings, such as `["sites.attributes.region", {"of": "sites", "limit": 3}]`.
        overall: whether to include the value over all; by default only without scopes and groupings.
        totals: whether to include the value of the whole period.
        fill: whether each scope value has every bucket, also those without data.
        filters: such as `{"sites.tags": ["outlet"], "days": {"weekdays": [6, 7]}, "hours": [10, 11]}`.
        compare: a period, or up to 4: `"previous-year-same-weekday"`, or a pair of days.
        like_for_like: with `compare`: only sites that were open in all periods.
        uplift: extrapolate the panel to the population; None for the default of the module.
        study: for `geo-marketing`, the id or key of a study.
        site: the id or key of a site, for a question about it alone.
        explain: add the plan of the store, for administrators.
        Raise RequestRefused, with the faults of the question.
        """
        question = build_question(self.id_or_key, module, kpis, **arguments)
        if not wait:
            job = yield from self._submit(question)
            answer = yield from self._await_job(job.id, timeout_s)
            return answer
        response = yield from self._session.request(
            "POST", question.path, params=question.params, body=question.body, is_safe=True, timeout_s=timeout_s
        )
        return read_answer(response.json())

    @Operation
    def submit(
        self, /, module: ModuleName, kpis: Kpis, **arguments: Unpack[QuestionArguments]
    ) -> CallPlan[QuestionJob]:
        """Make a question a job and return it at once; `wait_for` has the answer.

        The arguments are those of `ask`, without `wait` and `timeout_s`.
        """
        return self._submit(build_question(self.id_or_key, module, kpis, **arguments))

    @Operation
    def wait_for(self, job: QuestionJob | str, *, timeout_s: float | None = None) -> CallPlan[AnalyticsAnswer]:
        """Wait until a job has ended and return its answer.

        job: the job or its id.
        Raise JobUnfinished after timeout_s, RequestRefused with the problem of a job that failed.
        """
        return self._await_job(job if isinstance(job, str) else job.id, timeout_s)

    @Operation
    def get_job(self, job: QuestionJob | str) -> CallPlan[QuestionJob]:
        """Return a job with its present state."""
        return self._read_job(job if isinstance(job, str) else job.id, 0)

    @Operation
    def cancel(self, job: QuestionJob | str) -> CallPlan[None]:
        """Cancel an unfinished job; delete one that has ended, with its result."""
        yield from self._session.request("DELETE", self._find_job_path(job if isinstance(job, str) else job.id))

    @Listing
    def jobs(self, state: str | None = None) -> PagePlan[ResourceDocument]:
        """Return an iterator over the jobs of the user, of administrators over all."""
        return plan_pages(self._session, f"{self._path}/jobs", {"state": state})

    @Listing
    def batches(self) -> PagePlan[ResourceDocument]:
        """Return an iterator over the batches of events, the newest first."""
        return plan_pages(self._session, f"{self._path}/ingest", {})

    @Listing
    def areas(self, /, q: str | None = None, **filters: Any) -> PagePlan[ResourceDocument]:
        """Return an iterator over the IRIS areas."""
        return plan_pages(self._session, f"{self._path}/areas", {"q": q, **filters})

    @Operation
    def ingest(
        self,
        kind: EventKind,
        events: Events,
        *,
        mapper: Mapping[str, str] | None = None,
        unit: Mapping[str, str] | None = None,
        time: Mapping[str, str] | None = None,
        timezone: str | None = None,
        dates: Literal["dmy", "mdy"] | None = None,
        encoding: str | None = None,
        delimiter: str | None = None,
        sheet: str | None = None,
        name: str | None = None,
        atomic: bool = False,
        dry_run: bool = False,
        wait: bool = True,
        idempotency_key: str | None = None,
        timeout_s: float = _INGEST_TIMEOUT_S,
    ) -> CallPlan[dict[str, Any]]:
        """Ingest events and return their batch, with the numbers of accepted and rejected ones.

        events: dicts, a pandas or Polars frame, an Arrow table, or the path of a file, which is streamed.
        mapper: the column of each field that has another name, such as `{"user": "customer"}`.
        unit, time: units and columns of times, by field.
        timezone: of instants without an offset.
        dates, encoding, delimiter, sheet: how a file is written, where it cannot be detected.
        name: by which people recognise the batch; the name of the file by default.
        atomic: accept all events or none.
        dry_run: check the events and write nothing; the answer says how each line is read.
        wait: return when questions include the events; else as soon as they are stored.
        idempotency_key: two requests with the same key are one; by default each call has a key of its own.
        Raise RequestRefused; a batch of which every line was rejected is in its `problem`.
        """
        pairs = {"mapper": mapper, "unit": unit, "time": time}
        params = {
            **{
                f"{option}[{field}]": value
                for option, values in pairs.items()
                for field, value in (values or {}).items()
            },
            "timezone": timezone,
            "dates": dates,
            "encoding": encoding,
            "delimiter": delimiter,
            "sheet": sheet,
            "name": name or (Path(events).name if isinstance(events, str | Path) else None),
            "atomic": atomic or None,
            "dryRun": dry_run or None,
            "wait": None if wait else False,
        }
        with open_content(events) as content:
            headers = {**content.headers, "Idempotency-Key": idempotency_key or create_idempotency_key()}
            path = self._path + build_path("ingest", kind)
            call = HttpCall("POST", path, format_params(params), headers, content.body, timeout_s)
            response = yield from self._session.send(call)
        batch: dict[str, Any] = response.json()
        return batch

    def _submit(self, question: AnalyticsQuestion) -> CallPlan[QuestionJob]:
        response = yield from self._session.request(
            "POST",
            question.path,
            params={**question.params, "wait": False},
            body=question.body,
            headers={"Idempotency-Key": create_idempotency_key()},
        )
        return _read_job(response.json())

    def _await_job(self, job: str, timeout_s: float | None) -> CallPlan[AnalyticsAnswer]:
        """Wait for a job: the server holds each request until the job has ended, or for `_LONGEST_POLL_S`."""
        left_s = timeout_s
        while True:
            poll_s = _LONGEST_POLL_S if left_s is None else min(_LONGEST_POLL_S, max(0, int(left_s)))
            state = yield from self._read_job(job, poll_s)
            if state.is_ended:
                break
            if left_s is not None and (left_s := left_s - max(poll_s, 1)) <= 0:
                raise JobUnfinished(f"The job {job} is {state.state} after {timeout_s} s.")
            if poll_s == 0:
                yield Pause(1.0)
        response = yield from self._session.request("GET", f"{self._find_job_path(job)}/result")
        return read_answer(response.json())

    def _read_job(self, job: str, wait_s: int) -> CallPlan[QuestionJob]:
        response = yield from self._session.request("GET", self._find_job_path(job), params={"wait": wait_s})
        return _read_job(response.json())

    def _find_job_path(self, job: str) -> str:
        return self._path + build_path("jobs", job)


class ApplicationClient(_ApplicationCalls, BlockingCaller):
    """An application, with calls that block.

    sites, pois, campaigns, levers, studies, views, users: its resources; call a list to iterate over it.
    """

    def __init__(self, session: ServerSession, transport: BlockingTransport, id_or_key: str) -> None:
        super().__init__(session, id_or_key)
        self._transport = transport
        self.sites = self._build_list("sites")
        self.pois = self._build_list("pois")
        self.campaigns = self._build_list("campaigns")
        self.levers = self._build_list("levers")
        self.studies = self._build_list("studies")
        self.views = self._build_list("views")
        self.users = self._build_list("users")

    def equipments(self, site: str) -> ResourceList:
        """Return the list of the sensors of a site, which is named by its id or key."""
        return self._build_list("sites", site, "equipments")

    def _build_list(self, *parts: str) -> ResourceList:
        return ResourceList(self._session, self._transport, self._path + build_path(*parts))


class AsyncApplicationClient(_ApplicationCalls, AsyncCaller):
    """An application, with calls that are awaited; its lists are those of `ApplicationClient`."""

    def __init__(self, session: ServerSession, transport: AsyncTransport, id_or_key: str) -> None:
        super().__init__(session, id_or_key)
        self._transport = transport
        self.sites = self._build_list("sites")
        self.pois = self._build_list("pois")
        self.campaigns = self._build_list("campaigns")
        self.levers = self._build_list("levers")
        self.studies = self._build_list("studies")
        self.views = self._build_list("views")
        self.users = self._build_list("users")

    def equipments(self, site: str) -> AsyncResourceList:
        """Return the list of the sensors of a site, which is named by its id or key."""
        return self._build_list("sites", site, "equipments")

    def _build_list(self, *parts: str) -> AsyncResourceList:
        return AsyncResourceList(self._session, self._transport, self._path + build_path(*parts))


def _read_job(document: Mapping[str, Any]) -> QuestionJob:
    return QuestionJob(str(document["_id"]), str(document["state"]), float(document["progress"]), document)
