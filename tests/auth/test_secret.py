"""The secret key: created once, readable by its owner only, and never too short."""

import os
import signal
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from okube_api.auth.secret import MIN_BYTES, BadSecret, load_secret_key
from okube_api.settings import Settings


def embedded_settings(folder: Path, **settings: str) -> Settings:
    """Return the settings of an embedded store in a folder."""
    return Settings(store_url=f"duckdb:{folder / 'okube.duckdb'}", **settings)  # type: ignore[arg-type]


def test_key_is_created_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    settings = embedded_settings(tmp_path / "data")
    key = load_secret_key(settings)
    assert len(key) >= MIN_BYTES
    assert load_secret_key(settings) == key
    (path,) = (tmp_path / "data").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_concurrent_calls_share_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: load_secret_key(embedded_settings(tmp_path)), range(16)))
    assert len(keys) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


@pytest.mark.parametrize("text", ["", "short", "x" * (MIN_BYTES - 1)])
def test_short_key_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadSecret, match="at least 32"):
        load_secret_key(embedded_settings(tmp_path, secret_key=text))
    (tmp_path / "secret.key").write_text(text)
    with pytest.raises(BadSecret, match="at least 32"):
        load_secret_key(embedded_settings(tmp_path))


def test_mongodb_requires_a_key_in_the_settings() -> None:
    with pytest.raises(BadSecret, match="OKUBE_SECRET_KEY is not set"):
        load_secret_key(Settings(store_url="mongodb://127.0.0.1/okube", secret_key=None))


def test_key_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f" {'k' * MIN_BYTES}\n")
    for url in ("mongodb://127.0.0.1/okube", f"duckdb:{tmp_path / 'data' / 'okube.duckdb'}"):
        assert load_secret_key(Settings(store_url=url, secret_key_file=file)) == b"k" * MIN_BYTES
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [("short", "at least 32 bytes"), ("missing", "No such file or directory"), (".", "is a folder")],
)
def test_file_without_a_key_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "short").write_text("short\n")
    with pytest.raises(BadSecret, match=message):
        load_secret_key(Settings(secret_key_file=tmp_path / name))


@pytest.fixture
def alarm() -> Iterator[None]:
    """Raise TimeoutError in the test after 2 s."""

    def fail(*_: object) -> None:
        raise TimeoutError

    previous = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, 2)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("name", ["/dev/zero", "pipe", "huge"])
def test_a_file_that_never_ends_is_refused_at_once(tmp_path: Path, name: str) -> None:
    """Try them for the setting, and for the file that the embedded store has by itself."""
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2**40)  # without a block
    path, data = tmp_path / name, tmp_path / "data"
    data.mkdir()
    (data / "secret.key").symlink_to(path)
    message = "more than 64 KiB" if name == "huge" else "is no regular file, but a device, pipe or socket"
    with pytest.raises(BadSecret, match=f"OKUBE_SECRET_KEY_FILE: '{path}' .*{message}"):
        load_secret_key(Settings(secret_key_file=path))
    with pytest.raises(BadSecret, match=f"The secret key: '{data / 'secret.key'}' .*{message}"):
        load_secret_key(embedded_settings(data))


def test_two_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSecret, match="Both OKUBE_SECRET_KEY and OKUBE_SECRET_KEY_FILE are set"):
        load_secret_key(Settings(secret_key="k" * MIN_BYTES, secret_key_file=tmp_path / "key"))
