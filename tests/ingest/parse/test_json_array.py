"""JSON arrays become lines, however they are cut into pieces."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.errors import BadRequest
from okube_api.ingest.parse.json_array import ArrayLines

TEXTS = st.text(alphabet=list('ab"\\[]{},: é\n'), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
EVENTS = st.lists(st.dictionaries(TEXTS, VALUES, max_size=3), max_size=5)


def convert(text: bytes, size: int = 1000) -> bytes:
    """Convert a text that arrives in pieces of `size` bytes."""
    lines = ArrayLines()
    return b"".join([lines.feed(text[start : start + size]) for start in range(0, len(text), size)]) + lines.end()


@given(EVENTS, st.sampled_from([None, 2]), st.integers(1, 9))
def test_each_element_is_a_line(events: list[object], indent: int | None, size: int) -> None:
    text = json.dumps(events, indent=indent, ensure_ascii=False).encode()
    assert [json.loads(line) for line in convert(text, size).splitlines()] == events


@pytest.mark.parametrize("text", [b"", b" \n", b'{"a": "[1, 2]"}\n{"a": 2}\n', b'\n {"a": [1,\n2]}', b"x["])
@pytest.mark.parametrize("size", [1, 4])
def test_other_texts_stay_as_they_are(text: bytes, size: int) -> None:
    assert convert(text, size) == text


@pytest.mark.parametrize("text", [b"[", b'[{"a": 1}', b'[{"a": "]', b'[{"a": "\\', b"[{]"])
def test_an_incomplete_array_is_refused(text: bytes) -> None:
    with pytest.raises(BadRequest, match="incomplete"):
        convert(text)


@pytest.mark.parametrize("text", [b"[,{}]", b"[{},,{}]", b"[{},]", b"[ , ]"])
@pytest.mark.parametrize("size", [1, 100])
def test_a_missing_element_is_refused(text: bytes, size: int) -> None:
    with pytest.raises(BadRequest, match="comma"):
        convert(text, size)


@pytest.mark.parametrize("text", [b"[{}] {}", b"[{}]]", b"[] ,", b'[]"x"'])
@pytest.mark.parametrize("size", [1, 100])
def test_an_array_with_something_after_it_is_refused(text: bytes, size: int) -> None:
    with pytest.raises(BadRequest, match="followed"):
        convert(text, size)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("count", range(1, 9))
def test_backslashes_at_the_end_of_a_piece(count: int, size: int) -> None:
    text = json.dumps([{"a": "\\" * count + '"', "b": "," + "\\" * count}]).encode()
    assert convert(text, size) == text[1:-1]


@pytest.mark.parametrize("piece", [b" " * 2**16, b"\n" * 2**16])
def test_blanks_without_an_end_are_refused(piece: bytes) -> None:
    lines = ArrayLines()
    assert [lines.feed(piece) for _ in range(16)] == [b""] * 16
    with pytest.raises(BadRequest, match="blanks"):
        lines.feed(piece)


def test_backslashes_without_an_end_are_not_kept() -> None:
    lines = ArrayLines()
    assert lines.feed(b'[{"a":"') == b'{"a":"'
    assert all(lines.feed(b"\\" * 2**16) == b"\\" * 2**16 for _ in range(20))
    assert lines.feed(b'"}]') == b'"}'
