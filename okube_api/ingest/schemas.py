"""Batches as answers have them."""

from pydantic import Field

from okube_api.ingest.batches import State
from okube_api.kit.schemas import Answer, Identifier, Instant


class ReasonAnswer(Answer):
    """Why a line was rejected."""

    line: int = Field(description="Its number in the file, from 1 (rows of Parquet, too).")
    reason: str


class BatchAnswer(Answer):
    """A file of events, and what became of it."""

    id: Identifier = Field(alias="_id")
    application: Identifier
    kind: str = Field(examples=["pings"])
    state: State = Field(
        description="`waiting`: stored, not seen by questions yet; `refused`, `interrupted`: nothing is left of it."
    )
    accepted: int = Field(0, description="Events that are new; counted when the batch becomes visible.")
    duplicate: int = Field(0, description="Events that were there already, or came twice.")
    rejected: int = Field(0, description="Lines that are no events.")
    reasons: list[ReasonAnswer] = Field(default_factory=list, description="Of the first 100 rejected lines.")
    format: str | None = Field(None, description="The media type of the file.")
    name: str | None = Field(None, description="The file's name, where it had one.")
    message: str | None = Field(None, description="Why the whole file was refused.")
    created_at: Instant = Field(alias="createdAt")
    updated_at: Instant = Field(alias="updatedAt")
