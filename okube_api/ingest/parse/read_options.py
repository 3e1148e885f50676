"""Options of a file: what its sender says about encoding, delimiter and dates."""

from dataclasses import dataclass

from okube_api.errors import BadRequest
from okube_api.ingest.parse.transcoding import find_codec
from okube_api.kit.cells import DateOrder


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a file is written; options that are None are inferred from the file.

    encoding: any usual name, such as `windows-1252`; UTF-8 when None.
    delimiter: between the cells of CSV.
    dates: order of day and month in days such as 01/02/2024.
    """

    encoding: str | None = None
    delimiter: str | None = None
    dates: DateOrder | None = None

    def check(self) -> None:
        """Raise UnsupportedMedia when the encoding is unknown, BadRequest when the delimiter is not possible."""
        _ = self.codec
        if self.delimiter is not None and (not self.delimiter.isascii() or self.delimiter in '"\r\n'):
            raise BadRequest.with_code("query", "/delimiter", "invalid", "Give one ASCII character as the delimiter.")

    def as_parameters(self) -> dict[str, str]:
        """Return the options as parameters of a request."""
        options = {"encoding": self.encoding, "delimiter": self.delimiter, "dates": self.dates}
        return {name: value for name, value in options.items() if value}

    @property
    def codec(self) -> str | None:
        """The codec of the encoding.  Raises UnsupportedMedia."""
        return find_codec(self.encoding) if self.encoding else None


DEFAULT_OPTIONS = ReadOptions()
