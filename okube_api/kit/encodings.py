"""Encodings of CSV files: their names in the API, and the Python codec of each."""

from typing import Literal

Encoding = Literal["utf8", "iso-8859-1", "windows-1252"]
CODECS = {"utf8": "utf-8", "iso-8859-1": "iso-8859-1", "windows-1252": "cp1252"}
