"""The secret key, which signs tokens and salts the pseudonyms of users and devices."""

import os
import secrets
import stat
from pathlib import Path

from okube_api.settings import Settings

MIN_BYTES = 32
MAX_FILE_BYTES = 2**16
"""The most that a file with a key or a password may have."""


class BadSecret(Exception):
    """There is no usable secret key; the message says what to set."""


def load_secret_key(settings: Settings) -> bytes:
    """Return the secret key, at least `MIN_BYTES` bytes.

    Without one in the settings, the embedded store has a key file next to its data, created with mode 0600.
    Raise BadSecret when the settings have two keys or a file that cannot be read, and when the key is too short,
    missing on MongoDB, or missing although the embedded store exists.
    """
    if settings.secret_key is not None and settings.secret_key_file is not None:
        raise BadSecret("Both OKUBE_SECRET_KEY and OKUBE_SECRET_KEY_FILE are set. Remove one of them.")
    if settings.secret_key is not None:
        return _check_length(settings.secret_key.get_secret_value().encode(), "OKUBE_SECRET_KEY")
    if settings.secret_key_file is not None:
        path = settings.secret_key_file
        return _check_length(read_secret_file(path, "OKUBE_SECRET_KEY_FILE").strip(), str(path))
    if not settings.store_url.startswith("duckdb:"):
        raise BadSecret(
            "OKUBE_SECRET_KEY is not set. With MongoDB every process needs the same secret key. "
            "Create it once with `openssl rand -base64 48`, store it safely, and set it for every process, or write it "
            "into a file and set OKUBE_SECRET_KEY_FILE."
        )
    path = settings.data_folder / "secret.key"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        if settings.store_path.exists():
            raise BadSecret(
                f"The secret key of {settings.store_path} is missing: there is no file {path}, and OKUBE_SECRET_KEY is "
                "not set. Restore that file from a backup, or set OKUBE_SECRET_KEY to the key that the store was "
                "created with."
            )
        _create(path)
    return _check_length(read_secret_file(path, "The secret key").strip(), str(path))


def read_secret_file(path: Path, setting: str) -> bytes:
    """Return what a file with a key or a password has.

    Raise BadSecret when it cannot be read, when it is no regular file, such as a pipe, which may never end, or when it
    has more than `MAX_FILE_BYTES` bytes.
    setting: names the file in the message.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            what = "a folder" if path.is_dir() else "no regular file, but a device, pipe or socket"
            raise BadSecret(f"{setting}: '{path}' is {what}. Give the path of a file.")
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BadSecret(f"{setting}: '{path}' cannot be read: {error.strerror}.") from None
    if len(content) > MAX_FILE_BYTES:
        raise BadSecret(f"{setting}: '{path}' has more than {MAX_FILE_BYTES // 1024} KiB. Is it another file?")
    return content


def _create(path: Path) -> None:
    """Write a new key to a draft and link it into place: one of several processes wins, and none reads half a key."""
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


def _check_length(key: bytes, source: str) -> bytes:
    if len(key) < MIN_BYTES:
        raise BadSecret(
            f"The secret key of {source} has {len(key)} bytes. It needs at least {MIN_BYTES} bytes. "
            "Create one with `openssl rand -base64 48`."
        )
    return key
