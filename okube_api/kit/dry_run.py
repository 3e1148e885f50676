"""Results of dry runs: what an upload of a file would do, line by line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import Field

from okube_api.kit.schemas import Answer
from okube_api.store.values import Json

MAX_TRIED_LINES = 1000
"""Maximum number of lines in the result of a dry run."""
_LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class TriedLine:
    """A line that was checked.

    values: as they were read, by field.
    faults: why the line is rejected: the field, None for the whole line, and a message.  None: it is accepted.
    """

    line: int
    values: Json
    faults: Sequence[tuple[str | None, str]] = ()

    def as_json(self) -> Json:
        """Return the line in the form of answers."""
        return {
            "line": self.line,
            "accepted": not self.faults,
            "values": self.values,
            "errors": [{"field": name, "message": message} for name, message in self.faults],
        }


def shorten_values(values: Json) -> Json:
    """Return values with texts of a bounded length; lists of texts joined by `|`, other lists and objects as JSON."""
    return {name: _shorten(value) for name, value in values.items()}


def _shorten(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        text = "|".join(value)
    elif isinstance(value, list | dict):
        text = orjson.dumps(value, default=str).decode()
    else:
        text = str(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


class TriedFault(Answer):
    """Why a line is rejected."""

    field: str | None = Field(description="Field of the value; null if the reason concerns the whole line.")
    message: str


class TriedLineAnswer(Answer):
    """A line of a file, as the server read it."""

    line: int = Field(description="Number of the line in the file, from 1; for Parquet, number of the row.")
    accepted: bool = Field(description="Whether the upload would accept the line.")
    values: dict[str, Any] = Field(
        description="The values by field: of an accepted line as they would be stored, of others as they were sent. "
        "Long texts are cut."
    )
    errors: list[TriedFault] = Field(description="Why the line would be rejected.")


class DryRunAnswer(Answer):
    """What the upload of a file would do; nothing was written."""

    dry_run: bool = Field(True, alias="dryRun", description="True: nothing was written.")
    accepted: int = Field(description="Number of lines that the upload would accept, duplicates included.")
    rejected: int = Field(description="Number of lines that it would reject.")
    lines: list[TriedLineAnswer] = Field(description=f"The first {MAX_TRIED_LINES:,} lines.")
    message: str | None = Field(None, description="What would help when every line was rejected for the same reason.")
