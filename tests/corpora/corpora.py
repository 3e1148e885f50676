"""Loads the corpora, which `make corpora` installs from npm."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGES = Path(__file__).parents[2] / "build" / "corpora" / "node_modules"

WRONG_EXPECTATIONS = {"location_coordinates"}
"""Tables of csv-spectrum whose JSON is not what the CSV says: it has another phone number."""


@dataclass(frozen=True)
class SpectrumTable:
    """A table of csv-spectrum: its bytes, and its rows as texts by column."""

    name: str
    content: bytes
    rows: list[dict[str, str]]

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self.rows[0])


def load_json_bodies(prefix: str) -> dict[str, bytes]:
    """Return the bodies of json-test-suite by name.

    prefix: `y_` for the valid ones, `n_` for the invalid ones.  The package has bytes that are not UTF-8 as U+FFFD.
    """
    module = (PACKAGES / "json-test-suite" / "data" / "parsing.js").read_text("utf-8")
    cases = json.loads(module.partition("export default")[2])
    return {case["name"]: case["input"].encode() for case in cases if case["name"].startswith(prefix)}


def load_spectrum() -> list[SpectrumTable]:
    """Return the tables of csv-spectrum; the rows of those with wrong expectations are the standard library's."""
    tables = []
    for path in sorted((PACKAGES / "csv-spectrum" / "csvs").glob("*.csv")):
        content = path.read_bytes()
        rows: list[dict[str, Any]] = json.loads((path.parents[1] / "json" / f"{path.stem}.json").read_text("utf-8"))
        if path.stem in WRONG_EXPECTATIONS:
            rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
        tables.append(SpectrumTable(path.stem, content, rows))
    return tables


def load_naughty_strings() -> list[str]:
    """Return the strings of the big list of naughty strings, without duplicates."""
    strings: list[str] = json.loads((PACKAGES / "big-list-of-naughty-strings" / "blns.json").read_text("utf-8"))
    return list(dict.fromkeys(strings))
