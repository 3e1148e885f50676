"""Query parameters that say in which format a list or an answer is returned, and how CSV is written."""

import codecs
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema, model_validator

from okube_api.kit.encodings import Encoding
from okube_api.kit.schemas import UNSET, impossible_value
from okube_api.kit.switches import Switch


class FileFormat(StrEnum):
    """The formats of lists and answers, as the parameter `format` names them."""

    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"
    GEOJSON = "geojson"


DateOrder = Literal["iso", "dmy", "mdy"]
_PATTERNS = {"iso": "{0}-{1}-{2}", "dmy": "{2}/{1}/{0}", "mdy": "{1}/{2}/{0}"}


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """How CSV is written.

    has_decimal_comma: in columns of numbers; other columns have numbers as JSON.
    has_mark: whether UTF-8 starts with a byte-order mark, by which spreadsheets recognise it.
    dates: how days are written; instants have the time of day behind it.
    """

    encoding: Encoding = "utf8"
    delimiter: str = ","
    has_decimal_comma: bool = False
    has_mark: bool = False
    dates: DateOrder = "iso"

    @property
    def byte_order_mark(self) -> bytes:
        """What the file starts with."""
        return codecs.BOM_UTF8 if self.has_mark and self.encoding == "utf8" else b""

    def format_day(self, text: str) -> str:
        """Return the cell of a day that is given as `2024-12-31`."""
        if self.dates == "iso":
            return text
        return _PATTERNS[self.dates].format(*text.split("-"))

    def format_instant(self, text: str) -> str:
        """Return the cell of an instant in UTC that is given as `2024-12-31T22:00:00.000Z`; others end with seconds."""
        if self.dates == "iso":
            return text
        return f"{self.format_day(text[:10])} {text[11:19]}"


DEFAULT_CSV_FORMAT = CsvFormat()
_LOCALES = {
    "en": CsvFormat(has_mark=True),
    "fr": CsvFormat(delimiter=";", has_decimal_comma=True, has_mark=True, dates="dmy"),
}


def parse_day(text: str) -> date:
    """Return the day of a text as answers have it."""
    return date.fromisoformat(text)


def parse_instant(text: str) -> datetime:
    """Return the instant, in UTC, of a text as answers have it."""
    return datetime.fromisoformat(text)


Delimiter = Annotated[
    Literal[",", ";", "\t", "|"],
    BeforeValidator(lambda value: "\t" if value == "tab" else value),
    WithJsonSchema({"type": "string", "enum": [",", ";", "tab", "|"]}),  # generators of clients need a visible tab
]
"""The delimiter of CSV; the word `tab` means a tab, too."""


class CsvOptions(BaseModel):
    """The parameters that say how CSV is written."""

    encoding: Encoding = Field("utf8", description="The encoding of CSV; characters that it lacks become `?`.")
    delimiter: Delimiter = Field(
        ",", description="The delimiter of CSV; spreadsheets of countries with a decimal comma expect `;`."
    )
    decimal: Literal[".", ","] = Field(
        ".", description="The decimal separator in the CSV's columns of numbers; a comma needs another `delimiter`."
    )
    bom: Switch = Field(
        False, description="Start CSV in UTF-8 with a byte-order mark, by which spreadsheets recognise the encoding."
    )
    dates: DateOrder = Field(
        "iso", description="How CSV has days: `2024-12-31` (`iso`), `31/12/2024` (`dmy`) or `12/31/2024` (`mdy`)."
    )
    locale: Literal["en", "fr"] = Field(
        UNSET,
        description="Write CSV as Excel in this language opens it. `fr`: `delimiter=;`, `decimal=,`, `bom=true` and "
        "`dates=dmy`; `en`: `bom=true`. An option of its own counts more.",
    )

    @property
    def csv_format(self) -> CsvFormat:
        """How CSV is written: by the options that were sent, else by the locale."""
        default, given = _LOCALES.get(self.locale, DEFAULT_CSV_FORMAT), self.model_fields_set
        return CsvFormat(
            self.encoding,
            self.delimiter if "delimiter" in given else default.delimiter,
            self.decimal == "," if "decimal" in given else default.has_decimal_comma,
            self.bom if "bom" in given else default.has_mark,
            self.dates if "dates" in given else default.dates,
        )

    @property
    def file_format(self) -> str | None:
        """The format that the parameter `format` requests; None without one."""
        return None

    @model_validator(mode="after")
    def _check_decimal(self) -> Self:
        if self.csv_format.has_decimal_comma and self.csv_format.delimiter == ",":
            raise impossible_value("A decimal comma needs another 'delimiter', such as ';'.")
        return self


FORMAT_DESCRIPTION = "All matches as a file, or a page as JSON; if absent, what `Accept` prefers."


class TableOptions(CsvOptions):
    """The parameters of a list that is also returned as a table."""

    format: Literal["json", "csv", "xlsx", "parquet"] = Field(UNSET, description=FORMAT_DESCRIPTION)

    @property
    def file_format(self) -> str | None:
        """The format that the parameter `format` requests; None without one."""
        return self.format


class PlaceOptions(CsvOptions):
    """The parameters of a list of places, which is also returned as a table or a map."""

    format: Literal["json", "csv", "xlsx", "parquet", "geojson"] = Field(UNSET, description=FORMAT_DESCRIPTION)

    @property
    def file_format(self) -> str | None:
        """The format that the parameter `format` requests; None without one."""
        return self.format
