"""Ids of what a request with an `Idempotency-Key` creates: a repetition finds them, whenever the first attempt ended.

The ids follow from the claim of the key, so that the document carries its key: whatever writes the document writes the
key in the same step, on every store.
"""

import hmac
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class CreationIds:
    """The ids of one request.

    seed: random, the same for all attempts.  started_s: seconds since 1970 of the first attempt.
    is_repeated: whether an earlier attempt ended without an answer, so that its documents may exist.
    """

    seed: bytes
    started_s: int
    is_repeated: bool = False
    _counts: dict[str, int] = field(default_factory=dict)

    def get_id(self, collection: str, index: int) -> str:
        """Return the id of the document that a request creates at this index in a collection."""
        digest = hmac.digest(self.seed, f"{collection}\n{index}".encode(), "sha256").hex()
        return f"{self.started_s & 0xFFFFFFFF:08x}{digest[:16]}"

    def next_id(self, collection: str) -> str:
        """Return the id of the next document of a collection, for requests that always create the same number."""
        index = self._counts.get(collection, 0)
        self._counts[collection] = index + 1
        return self.get_id(collection, index)


CREATION_IDS: ContextVar[CreationIds | None] = ContextVar("creation_ids", default=None)
"""The ids of the request that is being carried out; None without an `Idempotency-Key`."""
