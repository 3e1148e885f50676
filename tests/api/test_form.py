"""Form bodies parsed into JSON values."""

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from okube_api.api.form import read_form
from okube_api.errors import BadRequest
from okube_api.kit.schemas import UNSET, Body, FreeObject, OpenObject, Scalars


class Inner(Body):
    """Object in a body."""

    city: str | None = None
    floors: int = UNSET


class Place(OpenObject):
    """Object that keeps unknown names."""

    city: str | None = None


class Outer(Body):
    """Body with a field of each type."""

    name: str = UNSET
    open: bool = UNSET
    level: int | None = None
    width: float = UNSET
    tags: list[str] | None = None
    point: list[float] = UNSET
    inner: Inner = UNSET
    extra: Scalars = UNSET
    inners: list[Inner] | None = None
    hours: list[list[str]] = UNSET
    place: Place = UNSET
    free: FreeObject = UNSET


def parse(form: str) -> dict[str, Any]:
    """Parse a form for the model `Outer`."""
    return read_form(form.encode(), Outer)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("", {}),
        ("name=", {"name": ""}),
        ("name=true&open=true", {"name": "true", "open": True}),
        ("level=3&width=1e2", {"level": 3, "width": 100.0}),
        ("level=", {"level": None}),
        ("tags=a", {"tags": ["a"]}),
        ("tags=a&tags=b", {"tags": ["a", "b"]}),
        ("tags[]=a&tags[]=b", {"tags": ["a", "b"]}),
        ("tags=", {"tags": None}),
        ("point=4.8&point=45", {"point": [4.8, 45]}),
        ("inner[city]=Paris&inner[floors]=2", {"inner": {"city": "Paris", "floors": 2}}),
        ("inner[city]=", {"inner": {"city": None}}),
        ("extra[a]=1&extra[b]=x", {"extra": {"a": "1", "b": "x"}}),
        ("inners[0][city]=Paris&inners[0][floors]=2", {"inners": [{"city": "Paris", "floors": 2}]}),
        ("inners[10][city]=c&inners[2][city]=b", {"inners": [{"city": "b"}, {"city": "c"}]}),
        ("hours[0][0]=9&hours[0][1]=12&hours[1][]=14&hours[1][]=19", {"hours": [["9", "12"], ["14", "19"]]}),
        ('hours=["9", "12"]&hours=["14", "19"]', {"hours": [["9", "12"], ["14", "19"]]}),
        ('inners={"city": "Paris"}&inners={"floors": 2}', {"inners": [{"city": "Paris"}, {"floors": 2}]}),
        ('hours=[["9", "12"], ["14", "19"]]', {"hours": [["9", "12"], ["14", "19"]]}),
        ("hours=[]", {"hours": []}),
        ("point=[4.8, 45]", {"point": [4.8, 45]}),
        ('inner={"city": "Paris"}', {"inner": {"city": "Paris"}}),
        ("inner=[1]", {"inner": "[1]"}),
        ('extra={"a": 1}', {"extra": '{"a": 1}'}),
        ('name={"a": 1}', {"name": '{"a": 1}'}),
        ('hours={"a": 1}', {"hours": [['{"a": 1}']]}),
        ('hours=["9"', {"hours": [['["9"']]}),
        (f"hours={'[' * 2000}", {"hours": [["[" * 2000]]}),
        ('tags=["a"]', {"tags": ['["a"]']}),
        ("tags[1]=b&tags[0]=a", {"tags": ["a", "b"]}),
        ("tags[x]=b", {"tags": {"x": "b"}}),
        ("tags[01]=b&tags[1]=a", {"tags": {"01": "b", "1": "a"}}),
        ("unknown=1", {"unknown": "1"}),
        ("unknown=1&unknown=2", {"unknown": ["1", "2"]}),
        ("unknown[]=1", {"unknown": ["1"]}),
        ("place[floor]=2&place[doors][]=a", {"place": {"floor": "2", "doors": ["a"]}}),
        ("place[doors]=a&place[doors][]=b&place[doors]=c", {"place": {"doors": ["a", "b", "c"]}}),
        ("place[doors]=a&place[doors]=b", {"place": {"doors": ["a", "b"]}}),
        ("tags[]=a", {"tags": ["a"]}),
        ("free[a][]=x&free[b]=y", {"free": {"a": ["x"], "b": "y"}}),
        ("name[]=a", {"name": "a"}),
        ("inner=text", {"inner": "text"}),
    ],
)
def test_forms(form: str, expected: dict[str, Any]) -> None:
    assert parse(form) == expected


@pytest.mark.parametrize(
    "form",
    ["name=a&name=b", "inner=a&inner[city]=b", "inner[city]=b&inner=a", "inner[city=b", "inner]city[=b", "name=%00"],
)
def test_invalid_form_is_refused(form: str) -> None:
    with pytest.raises(BadRequest):
        parse(form)


@settings(max_examples=60, deadline=None)
@given(name=st.text(st.characters(codec="utf-8", exclude_characters="\0")), level=st.integers(-(10**9), 10**9))
def test_texts_and_numbers_are_preserved(name: str, level: int) -> None:
    assert parse(urlencode({"name": name, "level": level})) == {"name": name, "level": level}
