"""Asks questions: prints an answer as tables or as the API sends it, or prints the request for curl."""

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import httpx

from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.cli.answer_tables import AnswerPrinter
from okube_api.cli.api import open_api
from okube_api.cli.question_options import (
    BadOption,
    check_period,
    find_period,
    parse_comparisons,
    parse_days,
    parse_filters,
    parse_granularity,
    parse_scopes,
)
from okube_api.cli.requests import ApiRefusal, ApiRequests, RemoteError, require_url_without_password
from okube_api.cli.runtime import echo, run_command, show_status, write_output
from okube_api.cli.suggestions import suggest_name
from okube_api.cli.text_tables import open_output
from okube_api.client.analytics_answer import read_answer
from okube_api.client.question import AnalyticsQuestion, build_question
from okube_api.client.request_values import build_path, format_params, format_value
from okube_api.clock import Clock, utc_now
from okube_api.errors import format_suggestion

_DEFAULT_URL = "http://127.0.0.1:8000"
_CATEGORIES = "hourOfWeek"
"""The granularity that has categories only, and no intervals of the period."""


@dataclass(frozen=True, slots=True)
class AskOptions:
    """The options of the command, as they were written.

    days: the number of days until yesterday.  period: a word such as `last-week`.
    sites: keys with commas; empty for all sites; None for no answer by sites.
    """

    start: str | None = None
    until: str | None = None
    days: int | None = None
    period: str | None = None
    by: str | None = None
    mode: Literal["histogram", "aggregation"] = "histogram"
    sites: str | None = None
    scopes: Sequence[str] = ()
    limit: int | None = None
    remainder: bool = False
    share: bool = False
    filters: Sequence[str] = ()
    compare: Sequence[str] = ()
    like_for_like: bool = False
    uplift: bool | None = None
    study: str = "all"
    site: str | None = None
    locale: str | None = None
    most_rows: int = 50
    as_csv: bool = False
    as_json: bool = False
    as_curl: bool = False


def ask(
    application: str,
    module: str,
    kpis: str,
    options: AskOptions,
    *,
    url: str | None,
    token: str | None,
    clock: Clock = utc_now,
) -> None:
    """Ask a question, through a server or of the store, and print the answer or the request."""
    run_command(_ask(application, module, kpis, options, url=url, token=token, clock=clock))


async def _ask(
    application: str, module: str, kpis: str, options: AskOptions, *, url: str | None, token: str | None, clock: Clock
) -> None:
    _check_options(module, options)
    if url is not None:
        require_url_without_password(url)  # also of the command that is printed
    days = None if options.period is None else parse_days(options.period)
    if options.period is not None and days is None:
        check_period(options.period)
    period: dict[str, Any] = {} if days is None else {"start": days[0], "until": days[1]}
    is_relative = options.days is not None or (options.period is not None and days is None)
    question = _build_question(application, module, kpis, options, **period)
    if options.as_curl and not is_relative:
        write_output(format_curl(question, url or _DEFAULT_URL).encode())
        return
    async with open_api(url, token) as requests:
        try:
            if is_relative:
                period = await _find_days(requests, application, options, clock)
                question = _build_question(application, module, kpis, options, **period)
            if options.as_curl:
                write_output(format_curl(question, url or _DEFAULT_URL).encode())
                return
            with show_status("Asking..."):
                response = await requests.send(
                    "POST",
                    question.path,
                    params=format_params(question.params),
                    content=_write_body(question),
                    headers={"Content-Type": "application/json"},
                )
        except ApiRefusal as refusal:
            suggestion = await suggest_name(requests, application, refusal)
            raise RemoteError(f"{refusal}{suggestion}") from None
    _print_response(response, Module(module), options)


def _check_options(module: str, options: AskOptions) -> None:
    modules = [each.value for each in Module]
    if module not in modules:
        raise BadOption(
            f"Unknown module '{module}'.{format_suggestion(module, modules)} Use one of: {', '.join(modules)}."
        )
    periods = [options.start is not None or options.until is not None, options.days is not None, bool(options.period)]
    if sum(periods) > 1:
        raise BadOption("Give the period once: by --from and --to, by --days, or by --period.")
    if options.as_csv and options.as_json:
        raise BadOption("Use either --csv or --json.")
    if options.locale is not None and not options.as_csv:
        raise BadOption("--locale is an option of --csv.")
    if options.like_for_like and not options.compare:
        raise BadOption("--like-for-like needs --compare.")
    if (options.limit is not None or options.remainder or options.share) and not (
        options.scopes or options.sites is not None
    ):
        raise BadOption("--limit, --others and --share need --sites or --scope.")


async def _find_days(requests: ApiRequests, application: str, options: AskOptions, clock: Clock) -> dict[str, Any]:
    """Return the first and last day of a period that is relative to today, in the time zone of the application."""
    response = await requests.send("GET", build_path("applications", application))
    document = response.json()
    today = clock().astimezone(ZoneInfo(document["timezone"])).date()
    if options.days is not None:
        return {"start": today - timedelta(options.days), "until": today - timedelta(1)}
    start, until = find_period(options.period or "", today, _find_week_start(document))
    return {"start": start, "until": until}


def _find_week_start(application: Mapping[str, Any]) -> int:
    """Return the ISO weekday on which weeks start in the calendar of an application."""
    from okube_api.engine.fiscal_calendar import read_calendar  # noqa: PLC0415 - most periods need no calendar
    from okube_api.kit.application import CalendarSettings  # noqa: PLC0415

    calendar = application.get("settings", {}).get("calendar") or {}
    return read_calendar(CalendarSettings.model_validate(calendar)).week_start


def _build_question(application: str, module: str, kpis: str, options: AskOptions, **period: Any) -> AnalyticsQuestion:
    """Return the question of the options, in the format that they request.  Raise BadOption."""
    if not (names := [name for each in kpis.split(",") if (name := each.strip())]):
        raise BadOption("Name at least one KPI, such as visits,sales.")
    by = None if options.by is None else parse_granularity(options.by)
    scope_options = {
        **({"sort": "-all", "limit": options.limit} if options.limit is not None else {}),
        **({"others": True} if options.remainder else {}),
        **({"share": True} if options.share else {}),
    }
    sites = [key for each in (options.sites or "").split(",") if (key := each.strip())]
    scopes, groupings = parse_scopes(
        [*(("sites",) if options.sites is not None else ()), *options.scopes], scope_options
    )
    filters = parse_filters([*options.filters, *([f"sites={json.dumps(sites)}"] if sites else ())])
    arguments: Any = {
        "start": options.start,
        "until": options.until,
        "by": by,
        "mode": "aggregation" if by == _CATEGORIES else options.mode,
        "scopes": scopes,
        "group_by": groupings,
        "overall": True,
        "filters": filters or None,
        "compare": parse_comparisons(options.compare) or None,
        "like_for_like": options.like_for_like,
        "uplift": options.uplift,
        "study": options.study,
        "site": options.site,
        **period,
    }
    question = build_question(application, Module(module).value, names, **arguments)
    if options.as_csv:
        question.params.update(format="csv", locale=options.locale)
        del question.params["meta"]
    return question


def _write_body(question: AnalyticsQuestion) -> bytes:
    """Return the body of a question, with the KPI of each param first."""
    params = [{"kpi": param["kpi"], **param} for param in question.body["params"]]
    return json.dumps({**question.body, "params": params}, default=format_value, ensure_ascii=False).encode()


def format_curl(question: AnalyticsQuestion, url: str) -> str:
    """Return the curl command that asks a question, with the token of the variable OKUBE_TOKEN."""
    query = urlencode(format_params(question.params), doseq=True)
    address = shlex.quote(f"{url.rstrip('/')}{question.path}{f'?{query}' if query else ''}")
    lines = [
        f"curl -sS {address}",
        '-H "Authorization: Bearer $OKUBE_TOKEN"',
        "-H 'Content-Type: application/json'",
        f"-d {shlex.quote(_write_body(question).decode())}",
    ]
    return " \\\n     ".join(lines) + "\n"


def _print_response(response: httpx.Response, module: Module, options: AskOptions) -> None:
    """Print an answer as tables, or byte by byte as it came."""
    if options.as_csv or options.as_json:
        write_output(response.content)
        if sys.stdout.isatty() and not response.content.endswith(b"\n"):
            write_output(b"\n")
        if options.as_csv and (notes := response.headers.get("x-okube-notes")):
            echo(f"okube-api: notes: {notes}. --json has their texts.")
        return
    is_ranked = options.limit is not None
    printer = AnswerPrinter(open_output(), BY_NAME[module], most_rows=options.most_rows, is_ranked=is_ranked)
    printer.print(read_answer(response.json()))
