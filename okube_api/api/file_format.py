"""The format of a list or an answer: the parameter `format`, else what `Accept` prefers."""

from collections.abc import Iterable, Mapping
from typing import Annotated, NamedTuple

from fastapi import Depends
from starlette.requests import Request

from okube_api.kit.file_options import FileFormat

CSV_MEDIA_TYPES = (
    "text/csv",
    "text/comma-separated-values",
    "application/csv",
    "application/excel",
    "application/vnd.ms-excel",
    "application/vnd.msexcel",
)
MEDIA_TYPES: Mapping[FileFormat, tuple[str, ...]] = {
    FileFormat.JSON: ("application/json", "application/*", "*/*"),
    FileFormat.CSV: CSV_MEDIA_TYPES,
    FileFormat.XLSX: ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",),
    FileFormat.PARQUET: ("application/vnd.apache.parquet",),
    FileFormat.GEOJSON: ("application/geo+json",),
}
"""The media types of each format; the first is that of an answer whose format `Accept` does not name."""

_SCHEMAS: Mapping[FileFormat, Mapping[str, str]] = {
    FileFormat.CSV: {"type": "string"},
    FileFormat.XLSX: {"type": "string", "format": "binary"},
    FileFormat.PARQUET: {"type": "string", "format": "binary"},
    FileFormat.GEOJSON: {"type": "object"},
}
_CHARSETS = {"utf8": "utf-8", "iso-8859-1": "iso-8859-1", "windows-1252": "windows-1252"}

TABLE_FORMATS = (FileFormat.CSV, FileFormat.XLSX, FileFormat.PARQUET)
"""The formats of tables, besides JSON."""
PLACE_FORMATS = (*TABLE_FORMATS, FileFormat.GEOJSON)
"""The formats of lists of places, besides JSON."""


class ChosenFormat(NamedTuple):
    """A format and its media type."""

    file_format: FileFormat
    media_type: str

    def prefer(self, requested: str | None) -> "ChosenFormat":
        """Return the format that the parameter `format` requests; without one, this format."""
        if requested is None or requested == self.file_format:
            return self
        file_format = FileFormat(requested)
        return ChosenFormat(file_format, MEDIA_TYPES[file_format][0])

    @property
    def is_file(self) -> bool:
        """Whether the format is another one than JSON."""
        return self.file_format is not FileFormat.JSON

    def build_headers(self, name: str, encoding: str) -> dict[str, str]:
        """Return the headers of a file, whose name is `name` with the extension of the format."""
        is_csv = self.file_format is FileFormat.CSV
        return {
            "Content-Type": f"{self.media_type}; charset={_CHARSETS[encoding]}" if is_csv else self.media_type,
            "Content-Disposition": f'attachment; filename="{name}.{self.file_format.value}"',
            "Vary": "Accept",
        }


def negotiate_format(request: Request, formats: Iterable[FileFormat] = TABLE_FORMATS) -> ChosenFormat:
    """Return the format that `Accept` prefers: JSON unless one of these formats is preferred to it."""
    chosen, best_quality = ChosenFormat(FileFormat.JSON, MEDIA_TYPES[FileFormat.JSON][0]), 0.0
    format_by_kind = {
        kind: file_format for file_format in (FileFormat.JSON, *formats) for kind in MEDIA_TYPES[file_format]
    }
    for part in request.headers.get("accept", "").split(","):
        kind, _, parameters = part.partition(";")
        kind, quality = kind.strip().lower(), _read_quality(parameters)
        if kind in format_by_kind and quality > best_quality:
            best_quality = quality
            file_format = format_by_kind[kind]
            media_type = MEDIA_TYPES[file_format][0] if file_format is FileFormat.JSON else kind
            chosen = ChosenFormat(file_format, media_type)
    return chosen


async def accept_table(request: Request) -> ChosenFormat:
    """Return the format of a table that `Accept` prefers."""
    return negotiate_format(request)


async def accept_places(request: Request) -> ChosenFormat:
    """Return the format of a list of places that `Accept` prefers."""
    return negotiate_format(request, PLACE_FORMATS)


AcceptedTable = Annotated[ChosenFormat, Depends(accept_table)]
AcceptedPlaces = Annotated[ChosenFormat, Depends(accept_places)]


def describe_formats(description: str, formats: Iterable[FileFormat] = TABLE_FORMATS) -> dict[str, object]:
    """Return the OpenAPI description of an answer in these formats, besides JSON."""
    content = {kind: {"schema": _SCHEMAS[each]} for each in formats for kind in MEDIA_TYPES[each]}
    return {"description": description, "content": content}


def _read_quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
