"""A store is used only with the secret that it was created with."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from okube_api.app import create_app
from okube_api.auth.secret import BadSecret, load_secret_key
from okube_api.auth.secret_fingerprint import FINGERPRINTS, claim_store
from okube_api.settings import Settings
from okube_api.store import open_store
from okube_api.store.conditions import EVERYTHING
from okube_api.store.protocol import Store
from okube_api.store.schema import Schema

from tests.processes import create_administrator, run_cli

pytestmark = pytest.mark.anyio

FIRST, OTHER = b"the first secret of this store, 32 bytes", b"another secret, which is as long as that"


@pytest.fixture(params=["duckdb", "mongo"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Provide a new store."""
    name = f"secret_{uuid4().hex[:12]}"
    url = f"duckdb:{tmp_path / 'okube.duckdb'}"
    if request.param == "mongo":
        url = f"{request.getfixturevalue('mongo_uri').rstrip('/')}/{name}"
    store = open_store(url, Schema((FINGERPRINTS,), ()))
    await store.start()
    try:
        yield store
    finally:
        if request.param == "mongo":
            await store._client.drop_database(name)  # type: ignore[attr-defined]
        await store.close()


async def test_other_secret_is_refused(store: Store) -> None:
    await claim_store(store, FIRST)
    await claim_store(store, FIRST)
    with pytest.raises(BadSecret, match="Set OKUBE_SECRET_KEY to the earlier key"):
        await claim_store(store, OTHER)
    await claim_store(store, FIRST)


async def test_processes_that_start_first_at_the_same_time_agree(store: Store) -> None:
    claims = [claim_store(store, secret) for secret in (FIRST, OTHER) * 6]
    outcomes = await asyncio.gather(*claims, return_exceptions=True)
    refused = [isinstance(outcome, BadSecret) for outcome in outcomes]
    assert refused in ([False, True] * 6, [True, False] * 6)
    assert await store.count(FINGERPRINTS, EVERYTHING) == 1


async def test_fingerprints_of_two_stores_with_one_secret_differ(store: Store) -> None:
    await claim_store(store, FIRST)
    (first,) = await store.find(FINGERPRINTS, EVERYTHING)
    await store.delete(FINGERPRINTS, EVERYTHING)
    await claim_store(store, FIRST)
    (second,) = await store.find(FINGERPRINTS, EVERYTHING)
    assert first["fingerprint"] != second["fingerprint"]
    assert FIRST.hex() not in str(first)


def test_embedded_store_without_its_key_file_is_refused(tmp_path: Path) -> None:
    settings = Settings(store_url=f"duckdb:{tmp_path / 'okube.duckdb'}")
    load_secret_key(settings)
    (tmp_path / "okube.duckdb").touch()
    (tmp_path / "secret.key").unlink()
    with pytest.raises(BadSecret, match=r"Restore that file from a backup, or set OKUBE_SECRET_KEY"):
        load_secret_key(settings)
    assert not (tmp_path / "secret.key").exists()


async def test_server_does_not_start_with_another_secret(tmp_path: Path) -> None:
    def build_settings(secret: bytes) -> Settings:
        return Settings(store_url=f"duckdb:{tmp_path / 'okube.duckdb'}", secret_key=secret.decode())

    app = create_app(build_settings(FIRST))
    async with app.router.lifespan_context(app):
        pass
    app = create_app(build_settings(OTHER))
    with pytest.raises(BadSecret):
        async with app.router.lifespan_context(app):
            pass


def test_commands_say_what_to_do(work_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKUBE_STORE_URL", f"duckdb:{work_folder / 'okube.duckdb'}")
    monkeypatch.setenv("OKUBE_SECRET_KEY", FIRST.decode())
    create_administrator()
    monkeypatch.setenv("OKUBE_SECRET_KEY", OTHER.decode())
    result = run_cli("serve", "--port", "0")
    assert result.exit_code == 1
    assert "Set OKUBE_SECRET_KEY to the earlier key" in " ".join(result.output.split())
    monkeypatch.delenv("OKUBE_SECRET_KEY")
    result = run_cli(
        "user", "add", "a@okube.example", "--platform-admin", "--password-stdin", text="correct horse battery\n"
    )
    assert result.exit_code == 1
    assert "secret.key" in result.output
