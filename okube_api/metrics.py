"""What the server counts for Prometheus: questions, rows, ingest, caches.

The labels have few values, which no caller can add to, and never a name or id of a tenant.  With several workers
(`PROMETHEUS_MULTIPROC_DIR`), the values are in files that all workers read, see `okube_api/http/metrics.py`.
"""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

_QUESTION_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_INGEST_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)

QUESTIONS = Counter("okube_questions", "Questions by module and outcome.", ("module", "outcome"), registry=REGISTRY)
QUESTION_SECONDS = Histogram(
    "okube_question_seconds",
    "Time from a question to the end of its answer.",
    ("module",),
    buckets=_QUESTION_S,
    registry=REGISTRY,
)
ANSWERS = Counter("okube_answers", "Answers by source: computed, or from the cache.", ("source",), registry=REGISTRY)
QUESTIONS_IN_WORK = Gauge(
    "okube_questions_in_work",
    "Questions that are being computed.",
    ("size",),
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
QUESTIONS_WAITING = Gauge(
    "okube_questions_waiting",
    "Questions that wait for a place.",
    ("size",),
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
QUESTIONS_REFUSED = Counter(
    "okube_questions_refused", "Questions refused because too many wait.", ("size",), registry=REGISTRY
)
ROWS_READ = Counter("okube_rows_read", "Rows that the store returned for computed answers.", registry=REGISTRY)
VALUES_RETURNED = Counter("okube_values_returned", "Values of computed answers.", registry=REGISTRY)
EVENTS = Counter(
    "okube_events", "Events by kind and result: accepted, duplicate or rejected.", ("kind", "result"), registry=REGISTRY
)
BATCHES_ENDED = Counter(
    "okube_batches_ended", "Batches by the state that ended their load or publication.", ("state",), registry=REGISTRY
)
PUBLISH_SECONDS = Histogram(
    "okube_publish_seconds",
    "Time to make the events of one change count, with their facts.",
    buckets=_INGEST_S,
    registry=REGISTRY,
)
VISIBLE_SECONDS = Histogram(
    "okube_events_visible_seconds",
    "Time from the receipt of a batch until answers count its events.",
    buckets=_INGEST_S,
    registry=REGISTRY,
)

# A look-up of labels takes several times as long as counting.
_count_question = cache(QUESTIONS.labels)
_time_question = cache(QUESTION_SECONDS.labels)
_count_answer = cache(ANSWERS.labels)


def count_question(module: str, outcome: str, seconds: float) -> None:
    """Count a question and its duration."""
    _count_question(module, outcome).inc()
    _time_question(module).observe(seconds)


def count_cached_answer() -> None:
    """Count an answer from the cache."""
    _count_answer("cache").inc()


def count_computed_answer(rows: int, values: int) -> None:
    """Count a computed answer, the rows that it read and its values."""
    _count_answer("computed").inc()
    ROWS_READ.inc(rows)
    VALUES_RETURNED.inc(values)


def count_batch(kind: str, state: str, *, accepted: int, duplicate: int, rejected: int) -> None:
    """Count a batch that ended in a state, and its events."""
    BATCHES_ENDED.labels(state).inc()
    for result, count in (("accepted", accepted), ("duplicate", duplicate), ("rejected", rejected)):
        if count:
            EVENTS.labels(kind, result).inc(count)


# The series that alerts and dashboards need from the start, so that their first event is an increase.
for _size in ("small", "large"):
    QUESTIONS_IN_WORK.labels(_size)
    QUESTIONS_WAITING.labels(_size)
    QUESTIONS_REFUSED.labels(_size)
for _source in ("cache", "computed"):
    ANSWERS.labels(_source)
