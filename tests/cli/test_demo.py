"""The demo command: contents of its file, its login, and errors."""

from datetime import date
from pathlib import Path

import pytest
from okube_api.cli.demo_file import FILE, fill_in_background
from okube_api.cli.demo_login import LOGIN, set_login_password
from okube_api.cli.fill_demo import build_demo_services
from okube_api.cli.runtime import open_services
from okube_api.demo.fill import fill_applications
from okube_api.kit.application import Application
from okube_api.settings import Settings
from okube_api.store.conditions import EVERYTHING, equal

from tests.processes import run_cli

UNTIL = date(2026, 10, 25)


@pytest.mark.slow
@pytest.mark.anyio
async def test_two_applications_have_all_resources_and_events(tmp_path: Path) -> None:
    async with open_services(Settings(store_url=f"duckdb:{tmp_path / FILE}")) as services:
        documents = await fill_applications(
            build_demo_services(services.store, bytes(32), memory_limit="256MB", threads=2), UNTIL, scale=0.01
        )
        assert [application["key"] for application in documents] == ["maison-lumen", "petit-quai"]
        for document, counts in zip(documents, ((33, 96, 48), (9, 24, 48)), strict=True):
            of_application = equal("application", document["_id"])
            repositories = (services.sites, services.pois, services.campaigns)
            stored = [await services.store.count(each.collection, of_application) for each in repositories]
            assert tuple(stored) == counts
            kinds = await services.ingest.read_live_kinds(Application.from_document(document).id)
            assert len(kinds) == len(set(kinds.values())) == 9


@pytest.mark.anyio
async def test_login_password_is_set_in_a_file_of_the_demo_only(tmp_path: Path) -> None:
    async with open_services(Settings(store_url=f"duckdb:{tmp_path / FILE}")) as services:
        users = services.sessions.users
        with pytest.raises(ValueError, match="other data than the demo"):
            await set_login_password(services.store, tmp_path, "a password")
        await users.create(LOGIN, "!", platform_admin=True)
        await set_login_password(services.store, tmp_path, "a password")
        (stored,) = await services.store.find(users.collection, EVERYTHING)
        assert await services.passwords.verify("a password", stored["password"])


@pytest.mark.parametrize("password", ["x", "okube.example", "password1234"])
def test_demo_refuses_a_password_that_is_easy_to_guess(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    (tmp_path / FILE).touch()
    monkeypatch.setenv("OKUBE_DEMO_PASSWORD", password)
    result = run_cli("demo", "--folder", str(tmp_path))
    assert result.exit_code == 1
    assert "OKUBE_DEMO_PASSWORD: The password is too easy to guess." in result.stderr


def test_existing_file_is_not_filled_again(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    with fill_in_background(tmp_path, UNTIL) as process:
        assert process is None


def test_failing_fill_prints_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OKUBE_SECRET_KEY", "short")
    result = run_cli("demo", "--folder", str(tmp_path))
    assert result.exit_code == 1
    errors = capfd.readouterr().err
    assert "32" in errors
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []
