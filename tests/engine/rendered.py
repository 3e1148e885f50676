"""The elements of an answer, as clients read them."""

from typing import Any

import orjson
from okube_api.analytics.answered_question import AnsweredQuestion
from okube_api.analytics.rendering import render_json
from okube_api.engine.question import Question
from okube_api.engine.run import EngineAnswer


def render_elements(question: Question, engine_answer: EngineAnswer) -> list[dict[str, Any]]:
    """Return one element for each param and scope, in order, from the JSON of the answer; areas have no names."""
    content = render_json([AnsweredQuestion(question, engine_answer)], {})
    elements: list[dict[str, Any]] = orjson.loads(content.content if content.file is None else content.file.read())
    return elements


def render_data(question: Question, engine_answer: EngineAnswer) -> list[Any]:
    """Return the `data` of each element."""
    return [element["data"] for element in render_elements(question, engine_answer)]
