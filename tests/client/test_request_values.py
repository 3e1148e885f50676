"""Values of Python and its data libraries in requests."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import numpy as np
import pandas
import polars
import pytest
from okube_api.client.request_values import build_path, encode_json, format_params


class Colour(Enum):
    """An enumeration, as programs have it."""

    RED = "red"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2024, 3, 5, 10, tzinfo=UTC), "2024-03-05T10:00:00+00:00"),
        (date(2024, 3, 5), "2024-03-05"),
        (time(9, 30), "09:30:00"),
        (Decimal("12.30"), "12.30"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (Colour.RED, "red"),
        (MappingProxyType({"a": 1}), {"a": 1}),
        ({"a"}, ["a"]),
        ((each for each in (1, 2)), [1, 2]),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.datetime64("2024-03-05T10:00:00", "ns"), "2024-03-05T10:00:00.000000000"),
        (pandas.Series(["a", "b"]), ["a", "b"]),
        (pandas.Index([1, 2]), [1, 2]),
        (pandas.Series([1, None], dtype="Int64"), [1, None]),
        (pandas.Timestamp("2024-03-05 10:00", tz="Europe/Paris"), "2024-03-05T10:00:00+01:00"),
        (polars.Series(["a", "b"]), ["a", "b"]),
    ],
)
def test_values_of_libraries_have_their_json(value: Any, expected: Any) -> None:
    assert json.loads(encode_json({"value": value})) == {"value": expected}


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, np.float32("nan"), np.datetime64("NaT"), pandas.NaT, pandas.NA, None]
)
def test_missing_values_are_null(value: Any) -> None:
    assert json.loads(encode_json({"value": value, "list": [value, 1.5]})) == {"value": None, "list": [None, 1.5]}


@pytest.mark.parametrize("value", [object(), b"bytes", {"inner": object()}])
def test_other_objects_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be sent as JSON"):
        encode_json(value)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"a": True, "b": None, "c": 2, "d": "x"}, {"a": "true", "c": "2", "d": "x"}),
        ({"tags": ("a", "b")}, {"tags": ["a", "b"]}),
        ({"keys": pandas.Series(["a", "b"])}, {"keys": ["a", "b"]}),
        ({"sb": date(2024, 3, 5)}, {"sb": "2024-03-05"}),
    ],
)
def test_parameters_of_queries_are_texts(params: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    assert format_params(params) == expected


@pytest.mark.parametrize("part", ["", ".", ".."])
def test_part_that_leads_to_another_path_is_refused(part: str) -> None:
    with pytest.raises(ValueError, match="An id or key cannot be"):
        build_path("applications", "lumen", "sites", part)
