"""Every setting, read from `OKUBE_*` variables once, when the process starts; `docs/settings.md` lists them."""

import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from limits import parse
from pydantic import AfterValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _rate(text: str | None) -> str | None:
    if text is not None:
        parse(text)
    return text


Rate = Annotated[str | None, AfterValidator(_rate)]


def _store(url: str) -> str:
    if not url.startswith(("duckdb:", "mongodb://", "mongodb+srv://")) or url == "duckdb:":
        raise ValueError(f"'{url}' is no store: use duckdb:PATH or mongodb://host/database")
    return url


def _network(name: str) -> str:
    ip_network(name, strict=False)
    return name


class Settings(BaseSettings):
    """What can be set.  Each field's description is its line of documentation."""

    model_config = SettingsConfigDict(env_prefix="OKUBE_", extra="ignore", frozen=True)

    store_url: Annotated[str, AfterValidator(_store)] = Field(
        "duckdb:./okube-data/okube.duckdb",
        description="Where data lives: `duckdb:PATH` (embedded) or `mongodb://host/database`.",
    )
    secret_key: SecretStr | None = Field(
        None,
        description="Signs tokens and salts identifiers: at least 32 bytes. "
        "On the embedded store it is made and kept beside the file when absent.",
    )
    require_https: bool = Field(
        True, description="Refuse plain HTTP, except from loopback without `X-Forwarded-*` and on health routes."
    )
    trusted_proxies: Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], NoDecode] = Field(
        (), description="Addresses or networks, comma-separated, whose `X-Forwarded-*` headers count."
    )
    token_hours: int = Field(48, ge=1, description="How long an access token lasts, in hours.")
    login_failures: int = Field(5, ge=1, description="Failed logins within the window that lock an account.")
    login_window_s: int = Field(900, ge=1, description="The window for failed logins, in seconds.")
    captcha_effort: int = Field(
        250_000, ge=1, description="Most hashes that a captcha takes to solve; a browser makes some 200,000 a second."
    )
    rate_limit: Rate = Field(
        None, description="Most requests of a user or API key, such as `600/minute`; no limit when absent."
    )
    address_rate_limit: Rate = Field(
        None, description="Most requests of an address, such as `1200/minute`; no limit when absent."
    )
    login_rate_limit: Rate = Field(
        None, description="Most logins of an address, such as `30/minute`; no limit when absent."
    )
    body_limit: int = Field(1_048_576, ge=1024, description="Largest JSON or form body, in bytes.")
    upload_limit: int = Field(52_428_800, ge=1024, description="Largest uploaded table, in bytes.")
    query_params: int = Field(50, ge=1, description="Most params in one analytics question.")
    query_rows: int = Field(20_000_000, ge=1, description="Most rows that one analytics question may read.")
    query_timeout_s: float = Field(30.0, gt=0, description="Longest time for one analytics question, in seconds.")
    memory_limit: str = Field("256MB", description="Memory that DuckDB may use, for the store and for ingest, each.")
    threads: int = Field(2, ge=1, description="Threads that DuckDB may use.")
    keep_days: int | None = Field(
        None,
        ge=1,
        description="How old events may become, in days: older ones are removed, with what was made of them, "
        "and refused when they come. Events are kept for ever when absent.",
    )
    metrics_token: SecretStr | None = Field(
        None, min_length=16, description="What Prometheus sends as bearer token to read `/metrics`; absent: 404."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="`debug`, `info`, `warning` or `error`."
    )

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @property
    def data_folder(self) -> Path:
        """The folder of the embedded store."""
        return Path(self.store_url.removeprefix("duckdb:")).parent


def documented() -> str:
    """The text of `docs/settings.md`: every variable, its default and what it is for."""
    lines = [
        "# Settings",
        "",
        "Read from the environment once, when a process starts. This file is written by",
        "`python -m okube_api.settings > docs/settings.md`.",
        "",
        "| variable | default | what it is for |",
        "|---|---|---|",
    ]
    for name, setting in Settings.model_fields.items():
        default = "" if setting.default in (None, ()) else f"`{str(setting.default).lower()}`"
        if isinstance(setting.default, str):
            default = f"`{setting.default}`"
        lines.append(f"| `OKUBE_{name.upper()}` | {default} | {setting.description} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(documented())
