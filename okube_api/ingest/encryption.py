"""Encryption of rejected lines: they may contain names of users, which must not be stored as plain text."""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


class DecryptionError(Exception):
    """A text was encrypted with another secret."""


class LineCipher:
    """Encrypts and decrypts lists of lines with a key derived from the server's secret."""

    def __init__(self, secret: bytes) -> None:
        key = blake2b(blake2b(secret, person=b"okube-ingest").digest(), person=b"okube-seal", digest_size=32).digest()
        self._key = urlsafe_b64encode(key)

    @cached_property
    def _fernet(self) -> "Fernet":
        from cryptography.fernet import Fernet  # noqa: PLC0415 - 14 MB, needed only when lines are rejected

        return Fernet(self._key)

    def encrypt(self, lines: Sequence[bytes]) -> str:
        """Return the lines as one encrypted text; bytes that are not UTF-8 become backslash escapes."""
        texts = [line.decode("utf-8", "backslashreplace") for line in lines]
        return self._fernet.encrypt(orjson.dumps(texts)).decode("ascii")

    def decrypt(self, encrypted: str) -> list[str]:
        """Return the lines of an encrypted text.  Raise DecryptionError."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - see above

        try:
            lines: list[str] = orjson.loads(self._fernet.decrypt(encrypted.encode("ascii")))
        except InvalidToken:
            raise DecryptionError("The text was encrypted with another secret.") from None
        return lines
