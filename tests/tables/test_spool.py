"""Spools: lists of documents on disk."""

from hypothesis import given
from hypothesis import strategies as st
from okube_api.tables.spool import Spool

from tests.tables.strategies import any_text

documents = st.lists(st.dictionaries(any_text, any_text, max_size=3), max_size=5)


@given(documents)
def test_spool_equals_the_list_of_its_documents(expected: list[dict[str, str]]) -> None:
    with Spool() as spool:
        for document in expected:
            spool.append(document)
        assert len(spool) == len(expected)
        assert list(spool) == expected
        assert list(spool) == expected  # a second iteration starts at the first document
        assert [spool[index] for index in range(-len(expected), len(expected))] == expected * 2
        assert spool[1:3] == expected[1:3]


def test_spool_is_readable_while_it_grows() -> None:
    with Spool() as spool:
        spool.append({"a": 1})
        first = iter(spool)
        assert next(first) == {"a": 1}
        spool.append({"b": 2})
        assert list(spool) == [{"a": 1}, {"b": 2}]


def test_more_documents_than_are_read_at_once() -> None:
    expected = [{"number": number, "text": "é" * (number % 7)} for number in range(250)]
    with Spool() as spool:
        for number, document in enumerate(expected):
            spool.append(document)
            if number in {99, 100, 199}:
                assert list(spool) == expected[: number + 1]
        assert list(spool) == expected
