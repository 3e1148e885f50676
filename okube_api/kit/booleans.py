"""How booleans are written as texts, in query parameters, forms and tables."""

from collections.abc import Mapping

BOOLEANS: Mapping[str, bool] = {"true": True, "false": False}
"""Each boolean by its text."""


def format_boolean(value: bool) -> str:
    """Return the text of a boolean, as `BOOLEANS` has it."""
    return "true" if value else "false"
