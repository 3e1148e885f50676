"""Extras of campaigns as texts."""

import pytest
from okube_api.campaigns.extras import format_extras


@pytest.mark.parametrize(
    ("value", "text"),
    [("vip", "vip"), ("a:b", "a:b"), (3, "3"), (3.0, "3"), (0.5, "0.5"), (True, "true"), (None, "null")],
)
def test_every_scalar_has_one_text(value: object, text: str) -> None:
    assert format_extras({"segment": value}) == (f"segment:{text}",)


def test_campaign_without_extras_has_no_texts() -> None:
    assert format_extras(None) == format_extras({}) == ()
