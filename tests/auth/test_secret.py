"""The secret key: made once, kept to oneself, and never too short."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from okube_api.auth.secret import MIN_BYTES, BadSecret, load_secret_key
from okube_api.settings import Settings


def embedded(folder: Path, **settings: str) -> Settings:
    """Settings of a store in a folder."""
    return Settings(store_url=f"duckdb:{folder / 'okube.duckdb'}", **settings)  # type: ignore[arg-type]


def test_it_is_made_once_beside_the_file_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    settings = embedded(tmp_path / "data")
    made = load_secret_key(settings)
    assert len(made) >= MIN_BYTES
    assert load_secret_key(settings) == made
    (kept,) = (tmp_path / "data").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_many_at_once_make_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: load_secret_key(embedded(tmp_path)), range(16)))
    assert len(keys) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


@pytest.mark.parametrize("text", ["", "short", "x" * (MIN_BYTES - 1)])
def test_a_short_one_refuses_to_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadSecret, match="at least 32"):
        load_secret_key(embedded(tmp_path, secret_key=text))
    (tmp_path / "secret.key").write_text(text)
    with pytest.raises(BadSecret, match="at least 32"):
        load_secret_key(embedded(tmp_path))


def test_mongodb_needs_one_that_all_processes_share() -> None:
    with pytest.raises(BadSecret, match="OKUBE_SECRET_KEY is not set"):
        load_secret_key(Settings(store_url="mongodb://127.0.0.1/okube", secret_key=None))
