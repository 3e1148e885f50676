"""How booleans are written as texts, in query parameters, forms and tables."""

from collections.abc import Mapping

BOOLEANS: Mapping[str, bool] = {"true": True, "false": False}
"""Each boolean by its text."""

_TRUE = ("true", "yes", "vrai", "oui", "wahr", "ja", "vero", "sì", "verdadero", "sí", "si", "1", "1.0", "1,0")
_FALSE = ("false", "no", "faux", "non", "falsch", "nein", "falso", "0", "0.0", "0,0")
CELL_BOOLEANS: Mapping[str, bool] = dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False)
"""Booleans by text in lower case, as spreadsheets write them in English, French, German, Italian and Spanish."""


def format_boolean(value: bool) -> str:
    """Return the text of a boolean, as `BOOLEANS` has it."""
    return "true" if value else "false"
