"""Documents set aside on disk."""

from hypothesis import given
from hypothesis import strategies as st
from okube_api.tables.spool import Spool

from tests.tables.texts import any_text

documents = st.lists(st.dictionaries(any_text, any_text, max_size=3), max_size=5)


@given(documents)
def test_it_is_the_list_of_what_was_put_in(given: list[dict[str, str]]) -> None:
    with Spool() as spool:
        for document in given:
            spool.append(document)
        assert len(spool) == len(given)
        assert list(spool) == given
        assert list(spool) == given  # again, from the start
        assert [spool[at] for at in range(-len(given), len(given))] == given * 2
        assert spool[1:3] == given[1:3]


def test_it_can_be_read_while_it_grows() -> None:
    with Spool() as spool:
        spool.append({"a": 1})
        first = iter(spool)
        assert next(first) == {"a": 1}
        spool.append({"b": 2})
        assert list(spool) == [{"a": 1}, {"b": 2}]
