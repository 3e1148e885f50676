"""The headers of the answer to a question, which are also those of the result of a job."""

from okube_api.analytics.answer_cache import RenderedAnswer
from okube_api.api.file_format import ChosenFormat
from okube_api.api.request_body import JSON
from okube_api.http.etags import CACHE_CONTROL

NOTES_HEADER = "X-Okube-Notes"
"""The header with the codes of the notes on an answer; `meta.notes` has the notes themselves."""


def build_cache_headers(answer: RenderedAnswer) -> dict[str, str]:
    """Return the headers that a 304 has, too."""
    headers = {"ETag": answer.content.etag, "Cache-Control": CACHE_CONTROL, "Vary": "Accept"}
    if answer.notes:
        headers[NOTES_HEADER] = ", ".join(dict.fromkeys(note.code for note in answer.notes))
    return headers


def build_content_headers(answer: RenderedAnswer, accepted: ChosenFormat) -> dict[str, str]:
    """Return the headers that describe the content; accepted: the format that `Accept` prefers."""
    answer_format = answer.answer_format
    if not answer_format.is_table:
        return {"Content-Type": JSON}
    chosen = accepted.prefer(answer_format.file_format)
    return chosen.build_headers(answer.module.value, answer_format.csv_format.encoding)
