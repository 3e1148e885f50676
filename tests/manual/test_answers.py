"""Answers on a page: what is compared with a command's answer, and what may differ."""

import pytest

from tests.manual.answers import AnswerMismatch, ShownAnswers

ID, OTHER = "6b0bd51e9b0f4c57ee7c39c8", "6b0bd51e9b0f4c57ee7c39d0"


@pytest.mark.parametrize(
    ("language", "shown", "printed"),
    [
        ("json", '{"a": 1, "b": "..."}', '{"b": [2], "a": 1}'),
        ("json", '{"a": 1, "...": "..."}', '{"a": 1, "b": 2}'),
        ("json", '[1, "..."]', "[1, 2, 3]"),
        ("json", '{"id-1": {"all": 3}, "id-2": {"all": 4}}', f'{{"{ID}": {{"all": 3}}, "{OTHER}": {{"all": 4}}}}'),
        ("text", "a\n...\nz\n", "a\nb\nc\nz\n"),
        ("text", "key,id-1,1.5\n", f"key,{ID},1.5\n"),
    ],
)
def test_what_may_differ(language: str, shown: str, printed: str) -> None:
    ShownAnswers().check(language, shown, printed)


@pytest.mark.parametrize(
    ("language", "shown", "printed"),
    [
        ("json", '{"a": 1}', '{"a": 2}'),
        ("json", '{"a": 1}', '{"a": 1, "b": 2}'),
        ("json", '{"a": 1, "...": "..."}', '{"b": 2}'),
        ("json", "8", "8.0"),
        ("json", "1", "true"),
        ("json", "[1, 2]", "[1]"),
        ("json", '["id-1", "id-2"]', f'["{ID}", "{ID}"]'),
        ("json", '["id-1", "id-1"]', f'["{ID}", "{OTHER}"]'),
        ("json", '{"_id": "id-1"}', '{"_id": null}'),
        ("json", '[1, 2, "..."]', "[1]"),
        ("text", "a\n", "a\nb\n"),
        ("text", "a\n...\na\n", "a\n"),
        ("text", "a\n...\nz\n", "a\nb\n"),
        ("text", "key,id-1\n", "key,1\n"),
    ],
)
def test_what_must_not_differ(language: str, shown: str, printed: str) -> None:
    with pytest.raises(AnswerMismatch):
        ShownAnswers().check(language, shown, printed)


def test_an_id_is_the_same_in_all_answers_of_a_page() -> None:
    answers = ShownAnswers()
    answers.check("json", '{"_id": "id-1"}', f'{{"_id": "{ID}"}}')
    answers.check("text", "id-1", ID)
    with pytest.raises(AnswerMismatch):
        answers.check("json", '{"_id": "id-1"}', f'{{"_id": "{OTHER}"}}')
