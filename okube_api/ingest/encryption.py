"""Texts that only this server can read again: rejected lines hold names of users, and no store may have these."""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


class DecryptionError(Exception):
    """A seal that another secret made."""


class LineCipher:
    """Seals and opens lists of lines, by a key that the server's secret makes."""

    def __init__(self, secret: bytes) -> None:
        key = blake2b(blake2b(secret, person=b"okube-ingest").digest(), person=b"okube-seal", digest_size=32).digest()
        self._key = urlsafe_b64encode(key)

    @cached_property
    def _fernet(self) -> "Fernet":
        from cryptography.fernet import Fernet  # noqa: PLC0415 - 14 MB, for those who send bad lines

        return Fernet(self._key)

    def encrypt(self, lines: Sequence[bytes]) -> str:
        """The lines as text that says nothing."""
        texts = [line.decode("utf-8", "backslashreplace") for line in lines]
        return self._fernet.encrypt(orjson.dumps(texts)).decode("ascii")

    def decrypt(self, sealed: str) -> list[str]:
        """The lines again.  Raises Sealed."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - see above

        try:
            lines: list[str] = orjson.loads(self._fernet.decrypt(sealed.encode("ascii")))
        except InvalidToken:
            raise DecryptionError("sealed by another secret") from None
        return lines
