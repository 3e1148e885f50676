"""The demo command: contents of its file, its login, and errors."""

from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest
from okube_api.auth.repository import Role, User
from okube_api.catalogue.facts import OUTCOMES
from okube_api.cli.demo_file import DAYS_FILE, FILE, DemoDays, fill_in_background, read_days
from okube_api.cli.demo_login import FIRST_QUESTION, FIRST_QUESTION_MEANING, print_welcome, set_login_password
from okube_api.cli.fill_demo import add_days_to_folder, create_demo_users, fill_folder
from okube_api.cli.runtime import open_services
from okube_api.demo import fill
from okube_api.demo.generator.events import generate_events
from okube_api.demo.generator.world import build_worlds
from okube_api.kit.demo_names import LOGIN
from okube_api.settings import Settings
from okube_api.store.conditions import EVERYTHING, equal
from okube_api.store.plans import Aggregate, Sum

from tests.processes import run_cli

UNTIL = date(2026, 10, 25)


@pytest.mark.anyio
async def test_login_password_is_set_in_a_file_of_the_demo_only(tmp_path: Path) -> None:
    async with open_services(Settings(store_url=f"duckdb:{tmp_path / FILE}")) as services:
        users = services.sessions.users
        with pytest.raises(ValueError, match="other data than the demo"):
            await set_login_password(services.store, tmp_path, "a password")
        await users.create(LOGIN, "!")
        await set_login_password(services.store, tmp_path, "a password")
        (stored,) = await services.store.find(users.collection, EVERYTHING)
        assert await services.passwords.verify("a password", stored["password"])


@pytest.mark.anyio
async def test_demo_of_an_earlier_version_is_recognised(tmp_path: Path) -> None:
    """Open a file whose login is a platform administrator, as in earlier versions."""
    async with open_services(Settings(store_url=f"duckdb:{tmp_path / FILE}")) as services:
        await services.sessions.users.create(LOGIN, "!", platform_admin=True)
        with pytest.raises(ValueError, match="demo of an earlier version"):
            await set_login_password(services.store, tmp_path, "a password")


@pytest.mark.anyio
async def test_login_administers_the_applications_of_the_demo_only(tmp_path: Path) -> None:
    async with open_services(Settings(store_url=f"duckdb:{tmp_path / FILE}")) as services:
        await create_demo_users(services.store, bytes(32), ["a", "b"])
        login = await services.sessions.users.find_by_login(LOGIN)
        assert login is not None
        user = User.from_document(login)
        assert not user.platform_admin
        assert user.roles == {"a": Role.ADMIN, "b": Role.ADMIN}
        assert user.get_role("another application") is None


async def check_applications(folder: Path) -> None:
    """Check that two applications of a folder have all resources, and events of every kind."""
    async with open_services(Settings(store_url=f"duckdb:{folder / FILE}")) as services:
        repositories = (services.sites, services.pois, services.campaigns)
        for key, counts in {"maison-lumen": (33, 96, 48), "petit-quai": (9, 24, 48)}.items():
            application = await services.applications.load(key)
            of_application = equal("application", application.id)
            stored = [await services.store.count(each.collection, of_application) for each in repositories]
            assert tuple(stored) == counts
            kinds = await services.ingest.read_live_kinds(application.id)
            assert len(kinds) == len(set(kinds.values())) == 9
        assert await services.store.count(services.applications.collection, EVERYTHING) == 2


@pytest.mark.anyio
@pytest.mark.slow
async def test_a_folder_is_filled_and_days_are_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill a small demo, add two days, and compare campaigns and visits with those of a demo of all days."""
    small = partial(build_worlds, scale=0.002)
    monkeypatch.setattr(fill, "build_worlds", lambda until, _scale, **days: small(until, **days))
    await fill_folder(tmp_path, UNTIL)
    await check_applications(tmp_path)
    assert read_days(tmp_path) == DemoDays(UNTIL - timedelta(days=730), UNTIL)
    later = UNTIL + timedelta(days=2)
    for _ in range(2):  # the second time, as after an interruption before the days were written
        await add_days_to_folder(tmp_path, DemoDays(UNTIL - timedelta(days=730), UNTIL), later)
        assert read_days(tmp_path) == DemoDays(UNTIL - timedelta(days=730), later)
    expected = small(later, first=UNTIL - timedelta(days=730))[0]
    visits = sum(rows.num_rows for kind, rows in generate_events(expected) if kind == "visits")
    async with open_services(Settings(store_url=f"duckdb:{tmp_path / FILE}")) as services:
        application = await services.applications.load(expected.key)
        campaigns = await services.store.find(services.campaigns.collection, equal("application", application.id))
        assert {each["key"] for each in campaigns} == {each.key for each in expected.campaigns}
        async with services.store.open_reader(application.id) as reader:
            totals = await reader.aggregate(Aggregate(OUTCOMES.table, EVERYTHING, (), (Sum("visit", "visits"),)))
            assert totals.to_pylist() == [{"visits": visits}]
    with fill_in_background(tmp_path, later) as process:
        assert process is None


def test_days_file_that_was_changed_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    (tmp_path / DAYS_FILE).write_text("{}", encoding="utf-8")
    result = run_cli("demo", "--port", "0", "--folder", str(tmp_path))
    assert result.exit_code == 1
    assert "demo.json was changed. Delete the folder" in result.stderr
    assert "Traceback" not in result.output


def test_readme_has_the_first_question_that_is_printed() -> None:
    readme = Path(__file__).parents[2].joinpath("README.md").read_text(encoding="utf-8")
    address = {"url": "http://127.0.0.1:8000", "login": LOGIN, "password": "...", "key": "maison-lumen"}
    assert FIRST_QUESTION.format(**address) in readme
    assert " ".join(FIRST_QUESTION_MEANING.split()) in " ".join(readme.replace("`", "").split())


def test_welcome_names_the_explorer_first(capsys: pytest.CaptureFixture[str]) -> None:
    print_welcome("http://127.0.0.1:8000", "forty-two", Path("okube-demo"), UNTIL)
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert [line[:2] for line in lines[1:6]] == [
        ["explorer", "http://127.0.0.1:8000/"],
        ["login", LOGIN],
        ["password", "forty-two"],
        ["manual", "http://127.0.0.1:8000/manual/"],
        ["docs", "http://127.0.0.1:8000/docs"],
    ]


@pytest.mark.parametrize("password", ["x", "okube.example", "password1234"])
def test_demo_refuses_a_password_that_is_easy_to_guess(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    (tmp_path / FILE).touch()
    monkeypatch.setenv("OKUBE_DEMO_PASSWORD", password)
    result = run_cli("demo", "--port", "0", "--folder", str(tmp_path))
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
    result = run_cli("demo", "--port", "0", "--folder", str(tmp_path))
    assert result.exit_code == 1
    errors = capfd.readouterr().err
    assert "32" in errors
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []
