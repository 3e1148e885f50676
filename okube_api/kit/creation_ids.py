"""Ids of what a request with an `Idempotency-Key` creates: a repetition finds them, whenever the first attempt ended.

The ids follow from the claim of the key, so that the document carries its key: whatever writes the document writes the
key in the same step, on every store.  Secrets of answers, such as the token of an API key, are derived as well: the
store has their hashes only, and a repetition must answer the same secret.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class CreationIds:
    """The ids of one request.

    seed: random, the same for all attempts.  started_s: seconds since 1970 of the first attempt.
    is_repeated: whether an earlier attempt ended without an answer, so that its documents may exist.
    secret_key: derives secrets; it follows from the idempotency key and the secret of the server, and is not stored.
    """

    seed: bytes
    started_s: int
    is_repeated: bool = False
    secret_key: bytes = field(kw_only=True, repr=False)
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

    def derive_secret(self, purpose: str) -> str:
        """Return 256 bits as text, different for each purpose and each claim."""
        digest = hmac.digest(self.secret_key, self.seed + purpose.encode(), "sha256")
        return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


CREATION_IDS: ContextVar[CreationIds | None] = ContextVar("creation_ids", default=None)
"""The ids of the request that is being carried out; None without an `Idempotency-Key`."""


def create_secret(purpose: str) -> str:
    """Return a secret of 256 bits as text: a random one, or with an `Idempotency-Key` the same for all attempts.

    purpose: what it is for; a request creates one secret for each purpose.
    """
    creation = CREATION_IDS.get()
    return secrets.token_urlsafe(32) if creation is None else creation.derive_secret(purpose)
