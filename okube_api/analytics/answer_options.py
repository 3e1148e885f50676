"""The options of an answer."""

from dataclasses import dataclass
from datetime import date

from okube_api.analytics.rendering import JSON_ANSWER, AnswerFormat


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """The options of an answer, from the URL and the headers.

    start, end: the first and last day, both included.
    """

    start: date | None = None
    end: date | None = None
    uplift: bool = False
    meta: bool = False
    explain: bool = False
    answer_format: AnswerFormat = JSON_ANSWER
