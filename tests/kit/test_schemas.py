"""Bodies of updates, and objects that keep undeclared names."""

from typing import Any, ClassVar

import pytest
from okube_api.errors import BadRequest
from okube_api.kit.schemas import UNSET, OpenObject, TagList, UpdateBody
from pydantic import Field, ValidationError


class Dimensions(OpenObject):
    """An object that keeps undeclared names."""

    width: int | None = None
    colours: list[str] | None = None


class BoxUpdate(UpdateBody):
    """An update with a field of each kind."""

    read_only: ClassVar[frozenset[str]] = frozenset({"_id", "count", "madeAt"})
    non_empty: ClassVar[frozenset[str]] = frozenset({"labels"})

    name: str = UNSET
    level: int | None = Field(None, alias="boxLevel")
    tags: TagList | None = None
    labels: list[str] | None = None
    point: list[float] | None = Field(None, min_length=2)
    size: Dimensions | None = None


ANSWER = {"_id": "a1", "count": 3, "madeAt": None, "name": "box", "boxLevel": None, "tags": ["a"], "labels": [],
          "point": [], "size": {"width": 2, "x": [1]}}  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "changes"),
    [
        ({}, {}),
        (ANSWER, {}),
        ({"name": "b"}, {"name": "b"}),
        ({"_id": "a1", "boxLevel": 0}, {"boxLevel": 0}),
        ({"tags": []}, {"tags": None}),
        ({"tags": None}, {"tags": None}),
        ({"tags": ["a", "a"]}, {}),
        ({"labels": ["x"]}, {"labels": ["x"]}),
        ({"labels": []}, {}),
        ({"size": {}}, {"size": None}),
        ({"size": {"width": None, "colours": [], "x": None}}, {"size": {"x": None}}),
        ({"size": {"width": 2, "x": [True]}}, {"size": {"width": 2, "x": [True]}}),
        ({"count": "3", "madeAt": ""}, {}),  # as forms send them
    ],
)
def test_fields_with_their_present_value_are_no_changes(sent: dict[str, Any], changes: dict[str, Any]) -> None:
    assert BoxUpdate.model_validate(sent).list_changes(ANSWER) == changes


@pytest.mark.parametrize(
    ("sent", "pointers"),
    [
        ({"_id": "a2"}, ["/_id"]),
        ({"count": 4, "madeAt": "x", "name": "box"}, ["/count", "/madeAt"]),
        ({"count": None}, ["/count"]),
        ({"count": True}, ["/count"]),
    ],
)
def test_read_only_fields_cannot_change(sent: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(BadRequest) as refusal:
        BoxUpdate.model_validate(sent).list_changes(ANSWER)
    assert [fault.pointer for fault in refusal.value.faults] == pointers
    assert {fault.code for fault in refusal.value.faults} == {"read_only"}


def test_list_that_must_not_be_empty_is_cleared_by_null_only() -> None:
    answer = ANSWER | {"labels": ["x"]}
    assert BoxUpdate.model_validate({"labels": None}).list_changes(answer) == {"labels": None}
    with pytest.raises(BadRequest, match="'labels' must not be empty"):
        BoxUpdate.model_validate({"labels": []}).list_changes(answer)


@pytest.mark.parametrize(
    "fields", [{"a": {}}, {"a": [[1]]}, {"a": [{}]}, {"a.b": 1}, {"$a": 1}, {"": 1}, {"a": "x" * 4096}, {"width": "2"}]
)
def test_undeclared_names_are_limited(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Dimensions.model_validate(fields)
