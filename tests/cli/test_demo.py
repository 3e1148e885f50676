"""The demonstration: what its file holds, who gets in, and what is said when it cannot be made."""

from datetime import date
from pathlib import Path

import pytest
from okube_api.cli import cli
from okube_api.cli.runtime import open_services
from okube_api.cli.demo_login import LOGIN, set_login_password
from okube_api.cli.demo_file import FILE, fill_in_background
from okube_api.cli.fill_demo import build_demo_services
from okube_api.demo.fill import fill_applications
from okube_api.kit.application import Application
from okube_api.settings import Settings
from okube_api.store.base import EVERYTHING, equal
from typer.testing import CliRunner

UNTIL = date(2026, 10, 25)


@pytest.mark.anyio
async def test_two_applications_with_everything_in_them(tmp_path: Path) -> None:
    async with open_services(Settings(store_url=f"duckdb:{tmp_path / FILE}")) as services:
        documents = await fill_applications(build_demo_services(services.store, bytes(32), 2), UNTIL, scale=0.01)
        assert [one["key"] for one in documents] == ["maison-lumen", "petit-quai"]
        for one, counts in zip(documents, ((33, 96, 24), (9, 24, 6)), strict=True):
            here = equal("application", one["_id"])
            resources = (services.sites, services.pois, services.campaigns)
            assert tuple([await services.store.count(each.collection, here) for each in resources]) == counts
            kinds = await services.ingest.read_live_kinds(Application.from_document(one).id)
            assert len(kinds) == len(set(kinds.values())) == 9


@pytest.mark.anyio
async def test_the_login_gets_the_password_of_this_start_in_its_own_file_only(tmp_path: Path) -> None:
    async with open_services(Settings(store_url=f"duckdb:{tmp_path / FILE}")) as services:
        users = services.sessions.users
        with pytest.raises(ValueError, match="not the demonstration's"):
            await set_login_password(services.store, tmp_path, "a password")
        await users.create(LOGIN, "!", platform_admin=True)
        await set_login_password(services.store, tmp_path, "a password")
        (stored,) = await services.store.find(users.collection, EVERYTHING)
        assert await services.passwords.verify("a password", stored["password"])


def test_what_is_filled_is_not_filled_again(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    with fill_in_background(tmp_path, UNTIL) as filling:
        assert filling is None


def test_a_demonstration_that_cannot_be_made_says_why_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OKUBE_SECRET_KEY", "short")
    found = CliRunner().invoke(cli, ["demo", "--folder", str(tmp_path)])
    assert found.exit_code == 1
    said = capfd.readouterr().err
    assert "32" in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []
