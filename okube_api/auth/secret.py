"""The secret key: it signs tokens and salts the identifiers of users and devices."""

import os
import secrets
from pathlib import Path

from okube_api.settings import Settings

MIN_BYTES = 32


class BadSecret(Exception):
    """No usable secret key; the message says what to set."""


def load_secret_key(settings: Settings) -> bytes:
    """The secret key, at least 32 bytes.

    On the embedded store it is made (mode 0600) and kept beside the file when the settings have none.
    Raises BadSecret when it is too short, or absent on MongoDB.
    """
    if settings.secret_key is not None:
        return _long_enough(settings.secret_key.get_secret_value().encode(), "OKUBE_SECRET_KEY")
    if not settings.store_url.startswith("duckdb:"):
        raise BadSecret(
            "OKUBE_SECRET_KEY is not set. On MongoDB every process needs the same one: "
            "make it once with `openssl rand -base64 48`, keep it safe, and set it everywhere."
        )
    return _kept(settings.data_folder / "secret.key")


def _kept(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _make(path)
    return _long_enough(path.read_bytes().strip(), str(path))


def _make(path: Path) -> None:
    """Written aside and linked into place, so that of two processes one wins and neither reads half a key."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _long_enough(key: bytes, where: str) -> bytes:
    if len(key) < MIN_BYTES:
        raise BadSecret(
            f"The secret key of {where} has {len(key)} bytes: it needs at least {MIN_BYTES}. "
            "`openssl rand -base64 48` makes a good one."
        )
    return key
