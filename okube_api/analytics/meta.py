"""Describes an answer: its period, the data that it is from, its buckets and its notes."""

from collections.abc import Iterable, Mapping, Sequence

from okube_api.analytics.answer_options import AnswerOptions
from okube_api.analytics.answered_question import AnsweredQuestion, describe_changes, list_compared_buckets
from okube_api.analytics.like_for_like import ClosedSite
from okube_api.analytics.schemas.query import Query
from okube_api.analytics.scope import QuestionScope
from okube_api.catalogue.buckets import to_date
from okube_api.catalogue.kpi import Module
from okube_api.engine.calendar import Buckets, Mode, Period
from okube_api.engine.question import Question
from okube_api.store.values import Json


def build_meta(
    query: Query,
    scope: QuestionScope,
    options: AnswerOptions,
    period: Period,
    answered: Sequence[AnsweredQuestion],
    *,
    closed: Iterable[ClosedSite],
    freshness: str | None,
    ms: int,
) -> Json:
    """Return the `meta` of an answer.

    closed: the sites that are left out of its comparisons.
    freshness: the instant of the application's last ingest.
    ms: how long the answer took until now.
    """
    return {
        "from": to_date(period.first).isoformat(),
        "to": to_date(period.last).isoformat(),
        "timezone": scope.application.timezone,
        "freshness": freshness,
        "uplift": options.uplift,
        "rows": sum(engine_answer.fetched.rows for each in answered for engine_answer in each.answers),
        "ms": ms,
        **_describe_comparisons(answered),
        "buckets": _list_bucket_days(each.question for each in answered),
        "cut": _list_cut_buckets(each.question for each in answered),
        "notes": [
            {"code": note.code.value, "message": note.message}
            for note in dict.fromkeys(note for each in answered for note in each.answer.notes)
        ],
        **_describe_rules(query, scope, closed),
    }


def _describe_comparisons(answered: Sequence[AnsweredQuestion]) -> Json:
    """Return the part of `meta` about comparisons."""
    if not answered[0].comparisons:
        return {}
    return {"change": describe_changes(answered), "comparedBuckets": list_compared_buckets(answered)}


def _describe_rules(query: Query, scope: QuestionScope, closed: Iterable[ClosedSite]) -> Json:
    """Return the part of `meta` about rules: the sites that are left out of a comparison, and what a dwell is."""
    rules: Json = {}
    if query.compare is not None and query.compare.like_for_like:
        rules["likeForLike"] = [site.to_json() for site in closed]
    if query.module is Module.GEO_MARKETING:
        rules["dwell"] = scope.application.settings.stays.dwell
    return rules


def _list_bucket_days(questions: Iterable[Question]) -> Mapping[str, list[str]]:
    """Return the first day of each bucket, by granularity, of the params in histogram mode."""
    return {
        granularity: [to_date(day).isoformat() for day in buckets.first_days]
        for granularity, buckets in _collect_intervals(questions).items()
    }


def _list_cut_buckets(questions: Iterable[Question]) -> Mapping[str, list[str]]:
    """Return the buckets that the period cuts, by granularity, of the params in histogram mode."""
    return {granularity: list(buckets.cut) for granularity, buckets in _collect_intervals(questions).items()}


def _collect_intervals(questions: Iterable[Question]) -> Mapping[str, Buckets]:
    """Return the buckets by granularity, of the params in histogram mode."""
    return {
        kpi_request.granularity.value: buckets
        for question in questions
        for kpi_request in question.requested_kpis
        if kpi_request.mode is Mode.HISTOGRAM and (buckets := question.buckets_of(kpi_request)) is not None
    }
