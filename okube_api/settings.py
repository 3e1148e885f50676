"""Settings, read from `OKUBE_*` environment variables when the process starts; `docs/settings.md` lists them."""

import re
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from limits import parse
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from okube_api.urls import hide_password


def _check_rate(text: str | None) -> str | None:
    if text is not None:
        parse(text)
    return text


Rate = Annotated[str | None, AfterValidator(_check_rate)]


def _check_store_url(url: str) -> str:
    if not url.startswith(("duckdb:", "mongodb://", "mongodb+srv://")) or url == "duckdb:":
        raise ValueError(f"'{hide_password(url)}' is not a store URL. Use duckdb:PATH or mongodb://HOST/DATABASE.")
    return url


def _check_network(name: str) -> str:
    ip_network(name, strict=False)
    return name


def _check_host(text: str) -> str:
    host = text.lower()
    if host != "*" and not re.fullmatch(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]", host):
        raise ValueError(f"'{text}' is not a host name. Use a name without scheme and port, such as api.example.")
    return host


def _check_origin(text: str) -> str:
    """Return an origin as browsers send it: without a trailing slash, in lower case."""
    origin = text.rstrip("/").lower()
    if origin != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@\s*]+", origin):
        raise ValueError(
            f"'{hide_password(text)}' is not an origin. Use a scheme, a host and a port, such as https://dash.example."
        )
    return origin


def _check_public_url(text: str | None) -> str | None:
    """Return an address without a trailing slash."""
    if text is None or not text:
        return None
    if not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", text):
        raise ValueError(
            f"'{hide_password(text)}' is not an address of a server. Use one such as https://okube.example."
        )
    return text.rstrip("/")


def _parse_file(name: object) -> object:
    """Return no file for an empty name: Compose passes on variables that are set without a value."""
    return name or None


File = Annotated[Path | None, BeforeValidator(_parse_file)]


class Settings(BaseSettings):
    """Settings of the server.  The description of each field is its line in `docs/settings.md`."""

    model_config = SettingsConfigDict(env_prefix="OKUBE_", extra="ignore", frozen=True, hide_input_in_errors=True)

    store_url: Annotated[str, AfterValidator(_check_store_url)] = Field(
        "duckdb:./okube-data/okube.duckdb",
        description="Where data is stored: `duckdb:PATH` (embedded) or `mongodb://host/database`.",
    )
    secret_key: SecretStr | None = Field(
        None,
        description="Secret that signs tokens and pseudonymises identifiers: at least 32 bytes. "
        "If absent, the embedded store generates one and saves it next to the database file.",
    )
    secret_key_file: File = Field(
        None,
        description="File with the secret key instead of `OKUBE_SECRET_KEY`, such as a secret of the container engine "
        "or a credential of systemd: a regular file of at most 64 KiB. Spaces and newlines around the key are ignored.",
    )
    admin_login: str | None = Field(
        None,
        description="E-mail address of the first platform administrator, who is created at a start when there is none; "
        "needs `OKUBE_ADMIN_PASSWORD_FILE`. An existing user is never changed.",
    )
    admin_password_file: File = Field(
        None,
        description="File with the password of `OKUBE_ADMIN_LOGIN`, such as a secret of the container engine. It is "
        "read only when that administrator is created.",
    )
    require_https: bool = Field(
        True,
        description="Refuse plain HTTP, except on health routes and from loopback without `X-Forwarded-*` headers.",
    )
    trusted_proxies: Annotated[tuple[Annotated[str, AfterValidator(_check_network)], ...], NoDecode] = Field(
        (),
        description="Addresses or networks of proxies whose headers about the client (`OKUBE_PROXY_HEADERS`) are "
        "trusted, comma-separated.",
    )
    proxy_headers: Literal["x-forwarded", "forwarded"] = Field(
        "x-forwarded",
        description="Headers that trusted proxies set: `x-forwarded` (`X-Forwarded-For`, `-Proto` and `-Prefix`) or "
        "`forwarded` (RFC 7239). The others are ignored: clients can invent them.",
    )
    allowed_hosts: Annotated[tuple[Annotated[str, AfterValidator(_check_host)], ...], NoDecode] = Field(
        (),
        description="Names of this server in the header `Host`, comma-separated, such as `api.example` or `*.example`; "
        "`*` allows every name. If absent: names of loopback, and every name by HTTPS where it is required.",
    )
    loopback_networks: Annotated[tuple[Annotated[str, AfterValidator(_check_network)], ...], NoDecode] = Field(
        (),
        description="Addresses or networks that count as loopback, comma-separated: the gateway from which a container "
        "engine passes on connections to a port that it publishes on 127.0.0.1 only. Everybody who can connect from "
        "them may use plain HTTP; never name a network of other machines.",
    )
    public_url: Annotated[str | None, AfterValidator(_check_public_url)] = Field(
        None,
        description="Address at which browsers reach the server, such as `https://okube.example`: printed at the start "
        "and in the link to create the first administrator. If absent, the address of the listening socket.",
    )
    allowed_origins: Annotated[tuple[Annotated[str, AfterValidator(_check_origin)], ...], NoDecode] = Field(
        (),
        description="Origins of other sites whose pages may use the API from a browser (CORS), comma-separated, such "
        "as `https://dash.example`; `*` allows every origin.",
    )
    max_connections: int = Field(
        4096,
        ge=1,
        description="Maximum number of open connections of a server process; further ones are answered 503. The limit "
        "of open files of the operating system (`ulimit -Hn`) may lower it.",
    )
    docs: Literal["public", "login", "off"] = Field(
        "public",
        description="Who may read `/docs`, `/redoc` and `/openapi.json`: `public` everyone, `login` callers with a "
        "token or the login cookie, `off` no one (404).",
    )
    explorer: bool = Field(
        True, description="Whether to serve the explorer, the page at `/`; otherwise its paths answer 404."
    )
    manual: bool = Field(True, description="Whether to serve the manual at `/manual/`; otherwise its paths answer 404.")
    token_hours: int = Field(48, ge=1, description="Lifetime of an access token, in hours.")
    login_failures: int = Field(5, ge=1, description="Number of failed logins within the window that locks an account.")
    login_window_s: int = Field(900, ge=1, description="Length of the window for failed logins, in seconds.")
    captcha_effort: int = Field(
        250_000,
        ge=1,
        description="Maximum number of hashes needed to solve a captcha; a browser computes about 200,000 a second.",
    )
    mail_command: str | None = Field(
        None,
        description="Command that sends a mail: it is run without a shell and reads a message with the header `To`, "
        "such as `sendmail -t`. If absent, administrators get the tokens of invitations and pass them on.",
    )
    invitation_url: str | None = Field(
        None,
        description="Address in the mail of an invitation: of the explorer, "
        "`https://okube.example/login#invitation={token}`; if absent, the mail has the token.",
    )
    rate_limit: Rate = Field(
        None, description="Maximum rate of requests per user or API key, such as `600/minute`; no limit if absent."
    )
    address_rate_limit: Rate = Field(
        None, description="Maximum rate of requests per client address, such as `1200/minute`; no limit if absent."
    )
    login_rate_limit: Rate = Field(
        "60/minute",
        description="Maximum rate of logins per client address, an IPv6 network of 64 bits counting as one; "
        "`1000000/second` is no limit.",
    )
    unknown_fields: Literal["refuse", "ignore"] = Field(
        "refuse",
        description="What happens to query parameters and fields of bodies that the server does not know: `refuse` "
        "answers 400; `ignore` leaves them out and names them in the header `X-Okube-Ignored`, for clients that cannot "
        "be changed.",
    )
    body_limit: int = Field(1_048_576, ge=1024, description="Maximum size of a JSON or form body, in bytes.")
    upload_limit: int = Field(52_428_800, ge=1024, description="Maximum size of an uploaded table, in bytes.")
    ingest_limit: int = Field(
        10_737_418_240,
        ge=1024,
        description="Maximum size of a file of events sent over HTTP, compressed and decompressed, in bytes.",
    )
    rejected_lines: int = Field(
        10_000,
        ge=0,
        description="Maximum number of rejected lines that are stored with a batch; further ones are only counted.",
    )
    query_params: int = Field(50, ge=1, description="Maximum number of params in one analytics question.")
    query_rows: int = Field(
        20_000_000, ge=1, description="Maximum number of rows that one analytics question may read."
    )
    query_hours_d: int = Field(92, ge=1, description="Maximum length of the period of a histogram by hour, in days.")
    query_values: int = Field(
        1_000_000,
        ge=1,
        description="Maximum number of values in the answer to one analytics question: of each param by each scope, "
        "scope values times buckets (times bands or items).",
    )
    query_grouped_values: int = Field(
        100_000,
        ge=1,
        description="Maximum number of values by the groupings of `by` in the answer to one analytics question.",
    )
    query_timeout_s: float = Field(
        30.0,
        gt=0,
        description="Maximum time for one analytics question, in seconds: waiting, reading, computing and sending.",
    )
    job_timeout_s: float = Field(
        600.0,
        gt=0,
        description="Maximum time for the question of a job, in seconds: reading and computing. The time in the queue "
        "does not count.",
    )
    jobs_per_user: int = Field(
        100,
        ge=1,
        description="Maximum number of jobs of a user in an application, ended ones included until they expire; more "
        "are answered 429.",
    )
    job_results_mb: int = Field(
        1024,
        ge=1,
        description="Maximum size of the results of the jobs of an application together, in MB (2^20 bytes). They are "
        "stored compressed.",
    )
    like_for_like_days: int = Field(
        7,
        ge=1,
        description="Like-for-like comparisons: length of the start and of the end of a period, in days. A site was "
        "open in the period if it has data at both.",
    )
    like_for_like_days_with_data: int = Field(
        1,
        ge=1,
        description="Like-for-like comparisons: on how many of these days a site must have data.",
    )
    query_places: int | None = Field(
        None,
        ge=1,
        description="Maximum number of large analytics questions in work at a time, and a quarter of the maximum "
        "number of small ones; if absent, the number of processor cores.",
    )
    query_queue: int = Field(
        8,
        ge=0,
        description="Maximum number of large analytics questions that wait for a place; more are answered 503. Small "
        "questions have places and a queue of their own.",
    )
    process_memory_mb: int = Field(
        2048,
        ge=256,
        description="Memory of the process, in MB (2^20 bytes), beyond which the newest analytics question is stopped "
        "and answered 503. Files of events that would exceed it wait for others. It must be larger than what DuckDB "
        "and the caches may take; see `docs/http.md`.",
    )
    memory_limit: str = Field(
        "256MB", description="Memory limit of DuckDB, for the store and for the ingest separately."
    )
    threads: int = Field(2, ge=1, description="Number of threads that DuckDB may use.")
    keep_days: int | None = Field(
        None,
        ge=1,
        description="Retention period of events, in days: older events are removed with the facts derived from them, "
        "and rejected at ingest. If absent, events are kept forever.",
    )
    metrics_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="Bearer token with which Prometheus reads `/metrics`; if absent, `/metrics` answers 404.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Log level: `debug`, `info`, `warning` or `error`."
    )

    @field_validator("trusted_proxies", "allowed_origins", "allowed_hosts", "loopback_networks", mode="before")
    @classmethod
    def _split_list(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @property
    def store_path(self) -> Path:
        """File of the embedded store."""
        return Path(self.store_url.removeprefix("duckdb:"))

    @property
    def data_folder(self) -> Path:
        """Folder of the embedded store."""
        return self.store_path.parent


def render_documentation() -> str:
    """Return the text of `docs/settings.md`: every variable with its default and description."""
    lines = [
        "# Settings",
        "",
        "Settings are read from the environment when a process starts. This file is generated by",
        "`python -m okube_api.settings > docs/settings.md`.",
        "",
        "| variable | default | description |",
        "|---|---|---|",
    ]
    for name, setting in Settings.model_fields.items():
        default = "" if setting.default in (None, ()) else f"`{str(setting.default).lower()}`"
        if isinstance(setting.default, str):
            default = f"`{setting.default}`"
        lines.append(f"| `OKUBE_{name.upper()}` | {default} | {setting.description} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render_documentation())
