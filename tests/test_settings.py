"""Settings: read from the environment, validated and documented."""

from pathlib import Path

import pytest
from okube_api.settings import Settings, render_documentation
from pydantic import ValidationError

DOCUMENT = Path(__file__).parents[1] / "docs" / "settings.md"


def test_document_is_current() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render_documentation(), "run: make documents"


def test_every_setting_is_described() -> None:
    assert all(setting.description for setting in Settings.model_fields.values())
    assert all(f"`OKUBE_{name.upper()}`" in render_documentation() for name in Settings.model_fields)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKUBE_TRUSTED_PROXIES", "10.0.0.1, 192.168.0.0/16")
    monkeypatch.setenv("OKUBE_ALLOWED_ORIGINS", "https://Board.example/, http://localhost:3000")
    monkeypatch.setenv("OKUBE_REQUIRE_HTTPS", "false")
    monkeypatch.setenv("OKUBE_RATE_LIMIT", "600/minute")
    settings = Settings()
    assert settings.trusted_proxies == ("10.0.0.1", "192.168.0.0/16")
    assert settings.allowed_origins == ("https://board.example", "http://localhost:3000")
    assert settings.require_https is False
    assert settings.rate_limit == "600/minute"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRUSTED_PROXIES", "proxy.example"),
        ("ALLOWED_ORIGINS", "board.example"),
        ("ALLOWED_ORIGINS", "https://board.example/path"),
        ("ALLOWED_ORIGINS", "https://*.example"),
        ("TOKEN_HOURS", "0"),
        ("BODY_LIMIT", "many"),
        ("LOGIN_RATE_LIMIT", "often"),
        ("METRICS_TOKEN", "short"),
        ("LOOPBACK_NETWORKS", "gateway"),
        ("PUBLIC_URL", "okube.example"),
    ],
)
def test_invalid_values_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"OKUBE_{name}", value)
    with pytest.raises(ValidationError):
        Settings()


@pytest.mark.parametrize("name", ["SECRET_KEY_FILE", "ADMIN_PASSWORD_FILE"])
def test_empty_name_is_no_file(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"OKUBE_{name}", "")
    assert getattr(Settings(), name.lower()) is None
    monkeypatch.setenv(f"OKUBE_{name}", "file")
    assert getattr(Settings(), name.lower()) == Path("file")


def test_secrets_are_not_printed() -> None:
    settings = Settings(secret_key="a secret of thirty-two characters", metrics_token="a metrics token!")
    assert "secret of" not in f"{settings!r} {settings}"
    assert "metrics token" not in f"{settings!r} {settings}"
