"""An application: its questions, jobs, events and resources."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, Literal, TypeVar, Unpack

from okube_api.client.analytics_answer import AnalyticsAnswer, read_answer
from okube_api.client.calls import (
    AsyncCaller,
    AsyncTransport,
    BlockingCaller,
    BlockingTransport,
    CallPlan,
    FileWork,
    HttpCall,
    Listing,
    Operation,
    PagePlan,
    Pause,
)
from okube_api.client.errors import JobUnfinished, build_problem_error, read_json
from okube_api.client.event_content import Events, write_content
from okube_api.client.question import AnalyticsQuestion, Kpis, ModuleName, QuestionArguments, build_question
from okube_api.client.request_values import build_path, format_params
from okube_api.client.resource_lists import (
    AsyncResourceList,
    ResourceDocument,
    ResourceList,
    plan_pages,
    read_document,
)
from okube_api.client.saved_file import detect_format, plan_file
from okube_api.client.session import ServerSession, create_idempotency_key

ListT = TypeVar("ListT")
EventKind = Literal[
    "areas", "panelists", "pings", "stays", "detections", "touches", "deliveries", "visits", "purchases"
]
_LONGEST_POLL_S, _SHORTEST_POLL_S = 20, 1.0
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


class _ApplicationCalls(ABC, Generic[ListT]):
    """What an application can do.

    sites, pois, campaigns, levers, studies, views, users: its resources; call a list to iterate over it.
    """

    def __init__(self, session: ServerSession, id_or_key: str) -> None:
        self._session = session
        self.id_or_key = id_or_key
        self._path = build_path("applications", id_or_key)
        self.sites = self._open_list("sites")
        self.pois = self._open_list("pois")
        self.campaigns = self._open_list("campaigns")
        self.levers = self._open_list("levers")
        self.studies = self._open_list("studies")
        self.views = self._open_list("views")
        self.users = self._open_list("users")

    def equipments(self, site: str) -> ListT:
        """Return the list of the sensors of a site, which is named by its id or key."""
        return self._open_list("sites", site, "equipments")

    @abstractmethod
    def _open_list(self, *parts: str) -> ListT:
        """Return the list of resources at a path below the application."""

    @Operation
    def get(self) -> CallPlan[ResourceDocument]:
        """Return the application with its settings."""
        response = yield from self._session.request("GET", self._path)
        return read_document(response)

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
        timeout_s: the longest time to wait for the answer, retries included.
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
        Raise RequestRefused, with the faults of the question; JobUnfinished when a job takes longer than timeout_s.
        """
        question = build_question(self.id_or_key, module, kpis, **arguments)
        if not wait:
            job = yield from self._submit(question)
            answer = yield from self._await_job(job.id, timeout_s)
            return answer
        response = yield from self._session.request(
            "POST", question.path, params=question.params, body=question.body, is_safe=True, timeout_s=timeout_s
        )
        return read_answer(read_json(response))

    @Operation
    def save_answer(
        self,
        path: str | Path,
        /,
        module: ModuleName,
        kpis: Kpis,
        *,
        layout: Literal["long", "wide"] = "long",
        options: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
        **arguments: Unpack[QuestionArguments],
    ) -> CallPlan[Path]:
        """Ask a question, write its answer to a file while it arrives, and return the path of the file.

        path: its name ends in .csv, .xlsx or .parquet; a file that is there is replaced.
        layout: `long` has a line for each number, `wide` a column for each field of KPIs with several numbers.
        options: of CSV, such as `{"locale": "fr"}`.
        The other arguments are those of `ask`.  Raise ValueError for another name, RequestRefused.
        """
        question = build_question(self.id_or_key, module, kpis, **arguments)
        return plan_file(
            self._session,
            "POST",
            question.path,
            Path(path),
            params={**question.params, "format": detect_format(Path(path)), "layout": layout, **(options or {})},
            body=question.body,
            is_safe=True,
            timeout_s=timeout_s,
        )

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
    def jobs(self, state: str | None = None) -> PagePlan[QuestionJob]:
        """Return an iterator over the jobs of the user, of administrators over all."""
        return plan_pages(self._session, f"{self._path}/jobs", {"state": state}, _read_job)

    @Listing
    def batches(self) -> PagePlan[ResourceDocument]:
        """Return an iterator over the batches of events, the newest first."""
        return plan_pages(self._session, f"{self._path}/ingest", {}, ResourceDocument)

    @Operation
    def get_batch(self, batch: ResourceDocument | str) -> CallPlan[ResourceDocument]:
        """Return a batch of events, with the numbers of accepted and rejected ones.  Raise ResourceMissing."""
        response = yield from self._session.request("GET", self._find_batch_path(batch))
        return read_document(response)

    @Operation
    def delete_batch(self, batch: ResourceDocument | str) -> CallPlan[None]:
        """Delete a batch with its events.  Raise ResourceMissing."""
        yield from self._session.request("DELETE", self._find_batch_path(batch))

    @Operation
    def save_rejected(self, batch: ResourceDocument | str, path: str | Path) -> CallPlan[Path]:
        """Write the rejected lines of a batch to a file, in its format, and return the path of the file.

        The reasons of the first ones are in the batch.
        """
        return plan_file(self._session, "GET", f"{self._find_batch_path(batch)}/rejected", Path(path))

    @Listing
    def areas(self, /, q: str | None = None, **filters: Any) -> PagePlan[ResourceDocument]:
        """Return an iterator over the IRIS areas."""
        return plan_pages(self._session, f"{self._path}/areas", {"q": q, **filters}, ResourceDocument)

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
    ) -> CallPlan[ResourceDocument]:
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
        timeout_s: the longest time until the batch is stored, retries included.
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
        with TemporaryDirectory(prefix="okube-") as folder:
            content = yield FileWork(partial(write_content, events, Path(folder)))
            headers = {**content.headers, "Idempotency-Key": idempotency_key or create_idempotency_key()}
            path = self._path + build_path("ingest", kind)
            call = HttpCall("POST", path, format_params(params), headers, content.path)
            response = yield from self._session.send(call, timeout_s=timeout_s)
        return read_document(response)

    def _submit(self, question: AnalyticsQuestion) -> CallPlan[QuestionJob]:
        response = yield from self._session.request(
            "POST",
            question.path,
            params={**question.params, "wait": False},
            body=question.body,
            headers={"Idempotency-Key": create_idempotency_key()},
        )
        return _read_job(read_json(response))

    def _await_job(self, job_id: str, timeout_s: float | None) -> CallPlan[AnalyticsAnswer]:
        """Wait for a job: the server holds each request until the job has ended, or for `_LONGEST_POLL_S`."""
        read_seconds = self._session.read_seconds
        end_s = None if timeout_s is None else read_seconds() + timeout_s
        while True:
            sent_s = read_seconds()
            left_s = _LONGEST_POLL_S if end_s is None else max(0.0, end_s - sent_s)
            poll_s = int(min(_LONGEST_POLL_S, left_s))
            job = yield from self._read_job(job_id, poll_s)
            if job.is_ended:
                break
            now_s = read_seconds()
            if end_s is not None and now_s >= end_s:
                raise JobUnfinished(f"The job {job_id} is {job.state} after {timeout_s:g} s.", job_id)
            if now_s - sent_s < _SHORTEST_POLL_S:  # a server that stops answers at once
                yield Pause(_SHORTEST_POLL_S if end_s is None else min(_SHORTEST_POLL_S, end_s - now_s))
        if job.state == "failed":
            problem = job.document["error"]
            raise build_problem_error(problem["status"], problem)
        response = yield from self._session.request("GET", f"{self._find_job_path(job_id)}/result")
        return read_answer(read_json(response))

    def _read_job(self, job_id: str, wait_s: int) -> CallPlan[QuestionJob]:
        response = yield from self._session.request("GET", self._find_job_path(job_id), params={"wait": wait_s})
        return _read_job(read_json(response))

    def _find_batch_path(self, batch: ResourceDocument | str) -> str:
        return self._path + build_path("ingest", batch if isinstance(batch, str) else batch.id)

    def _find_job_path(self, job: str) -> str:
        return self._path + build_path("jobs", job)


class ApplicationClient(_ApplicationCalls[ResourceList], BlockingCaller):
    """An application, with calls that block.

    sites, pois, campaigns, levers, studies, views, users: its resources; call a list to iterate over it.
    """

    def __init__(self, session: ServerSession, transport: BlockingTransport, id_or_key: str) -> None:
        self._transport = transport
        super().__init__(session, id_or_key)

    def _open_list(self, *parts: str) -> ResourceList:
        return ResourceList(self._session, self._transport, self._path + build_path(*parts))


class AsyncApplicationClient(_ApplicationCalls[AsyncResourceList], AsyncCaller):
    """An application, with calls that are awaited; its lists are those of `ApplicationClient`."""

    def __init__(self, session: ServerSession, transport: AsyncTransport, id_or_key: str) -> None:
        self._transport = transport
        super().__init__(session, id_or_key)

    def _open_list(self, *parts: str) -> AsyncResourceList:
        return AsyncResourceList(self._session, self._transport, self._path + build_path(*parts))


def _read_job(document: Mapping[str, Any]) -> QuestionJob:
    return QuestionJob(str(document["_id"]), str(document["state"]), float(document["progress"]), document)
