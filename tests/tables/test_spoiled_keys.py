"""Keys that a program has turned into numbers are recognised, and other changes of keys are not."""

import pytest
from okube_api.errors import Impossible
from okube_api.tables.spoiled_keys import refuse_spoiled_keys


@pytest.mark.parametrize(
    ("original", "key"),
    [
        ("0042", "42"),
        ("000", "0"),
        ("0042", "42.0"),
        ("42", "42.0"),
        ("42", "42,00"),
        ("35600000000048", "3.56E+13"),
        ("35600000000048", "3,56E+13"),
        ("0035600000000048", "3.56e13"),
        ("40000000000000000000", "4E+19"),
    ],
)
@pytest.mark.parametrize("field", ["key", "keys"])
def test_a_key_that_became_a_number_is_refused(original: str, key: str, field: str) -> None:
    stored, row = ({"key": original}, {"key": key}) if field == "key" else ({"keys": ["a", original]}, {"keys": [key]})
    with pytest.raises(Impossible) as refusal:
        refuse_spoiled_keys(stored, row)
    (fault,) = refusal.value.faults
    assert (fault.pointer, original in fault.message, key in fault.message) == (f"/{field}", True, True)


@pytest.mark.parametrize(
    ("original", "key"),
    [
        ("0042", "0042"),
        ("42", "0042"),
        ("0042", "43"),
        ("0042", "420"),
        ("a042", "42"),
        ("0042", "lyon"),
        ("35600000000048", "3.57E+13"),
        (None, "42"),
        ("0042", None),
        ("\u0660\u0664", "4"),
    ],
)
def test_other_changes_of_a_key_are_accepted(original: str | None, key: str | None) -> None:
    refuse_spoiled_keys({"key": original}, {"key": key})
    refuse_spoiled_keys({"key": "x", "keys": [original] if original else None}, {"keys": [key] if key else None})
