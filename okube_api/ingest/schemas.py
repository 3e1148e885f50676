"""Response models of batches."""

from pydantic import Field

from okube_api.ingest.batches import State
from okube_api.kit.schemas import Answer, Day, Identifier, Instant


class ReasonAnswer(Answer):
    """Why a line was rejected."""

    line: int = Field(description="Number of the line in the file, from 1; for Parquet, number of the row.")
    reason: str


class BatchAnswer(Answer):
    """A file of events and the result of its ingest."""

    id: Identifier = Field(alias="_id")
    application: Identifier
    kind: str = Field(examples=["pings"])
    state: State = Field(
        description="`waiting`: the events are stored, but do not count yet; "
        "`refused`, `interrupted`: the events were removed."
    )
    accepted: int = Field(0, description="Number of new events, set when the batch becomes visible.")
    duplicate: int = Field(0, description="Number of events that were ingested before, or that are repeated.")
    rejected: int = Field(0, description="Number of lines that are not valid events.")
    omitted: int = Field(
        0,
        description="Number of rejected lines that were not stored, so that `/rejected` does not have them: by default "
        "those after the first 10,000.",
    )
    unmatched: int = Field(
        0,
        description="Number of pings that are in no place, duplicates included, without those that are `inaccurate` or "
        "`moving`; set, like these, when the batch becomes visible.",
    )
    inaccurate: int = Field(
        0, description="Number of pings, duplicates included, left out of stays by the setting `maximumAccuracy`."
    )
    moving: int = Field(
        0, description="Number of pings, duplicates included, left out of stays by the setting `maximumSpeed`."
    )
    jumps: int = Field(
        0,
        description="Number of distinct pings left out of stays by the setting `ignoreJumps`; those in no place are "
        "also `unmatched`.",
    )
    future: int = Field(0, description="Number of events, duplicates included, that were from the future at ingest.")
    first_day: Day | None = Field(
        None,
        alias="firstDay",
        description="First day of its events, in UTC for events with an instant; null if they have no day, and in "
        "batches of earlier versions.",
    )
    last_day: Day | None = Field(None, alias="lastDay", description="Last day of its events, like `firstDay`.")
    reasons: list[ReasonAnswer] = Field(
        default_factory=list, description="Why lines were rejected, for the first 100 of them."
    )
    format: str | None = Field(None, description="Media type of the file.")
    name: str | None = Field(None, description="Name of the file, if it has one.")
    message: str | None = Field(
        None, description="Why the whole file was refused, or what would help when every line was rejected."
    )
    created_at: Instant = Field(alias="createdAt")
    updated_at: Instant = Field(alias="updatedAt")
