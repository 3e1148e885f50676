"""The JSON of bodies, compared with the standard library's reader."""

import json
from math import isfinite
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from okube_api.errors import BadRequest
from okube_api.kit.json_text import MAX_LEVELS, is_same_json, read_json

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
VALUES: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(value=VALUES, ascii_only=st.booleans())
def test_valid_json_is_read(value: Any, ascii_only: bool) -> None:
    assert read_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=60) | st.text(alphabet='{}[]",:\\u0d8eE+-.19tfn \n\0', max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        read = read_json(body)
    except BadRequest:
        return
    assert read == json.loads(body)
    assert "NaN" not in json.dumps(read)


@pytest.mark.parametrize("levels", [MAX_LEVELS, MAX_LEVELS + 1])
def test_nesting_is_limited(levels: int) -> None:
    body = b"[" * levels + b"1" + b"]" * levels
    if levels <= MAX_LEVELS:
        assert read_json(body) == json.loads(body)
        return
    with pytest.raises(BadRequest, match="levels"):
        read_json(body)


@pytest.mark.parametrize(
    ("text", "kind"), [("2.0", int), ("-0.0", int), ("2.5", float), ("1e15", int), ("1e300", float)]
)
def test_whole_numbers_are_integers(text: str, kind: type) -> None:
    value = read_json(text.encode())
    assert type(value) is kind
    assert value == float(text)
    assert isfinite(value)


def test_fault_points_at_the_value() -> None:
    with pytest.raises(BadRequest) as caught:
        read_json(b'{"a/b": [{"c~d": NaN}]}')
    assert caught.value.faults[0].pointer == "/a~1b/0/c~0d"


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (1, 1.0, True),
        (True, 1, False),
        (0, False, False),
        (False, False, True),
        (None, False, False),
        ([1, [True]], [1, [1]], False),
        ({"a": 1, "b": None}, {"b": None, "a": 1.0}, True),
        ({"a": {"b": True}}, {"a": {"b": 1}}, False),
        ({"a": None}, {}, False),
        ([1, 2], [2, 1], False),
        ("1", 1, False),
        ([], {}, False),
    ],
)
def test_values_are_compared_as_json(first: object, second: object, same: bool) -> None:
    assert is_same_json(first, second) is same
    assert is_same_json(second, first) is same
