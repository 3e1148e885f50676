"""The application held to its own OpenAPI document, by generated requests: every check, and never a 5xx.

A few examples an operation, as it runs with everything else; `OKUBE_FUZZ=1000` makes as many as that instead.
"""

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from okube_api.api.multipart import MULTIPART
from okube_api.api.route import FORM
from okube_api.auth.repository import User
from schemathesis import Case
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.api.live import Live, listening

THINGS = [
    ("application", "/applications", {"key": "demo"}),
    ("site", "/a/demo/sites", {"name": "Lyon", "online": False, "key": "lyon", "coordinates": [4.8357, 45.764]}),
    ("study", "/a/demo/studies", {"key": "rivals", "sites": ["lyon"]}),
]
ROOT = Path(__file__).parents[2]
EXAMPLES = int(os.environ.get("OKUBE_FUZZ", "4"))


@dataclass
class Fuzzed:
    """The application, someone who may do everything, and the ids of things that requests can name."""

    live: Live
    user: User
    names: dict[str, str] = field(default_factory=dict)

    def headers(self) -> dict[str, str]:
        """A new token, since some requests end theirs."""
        return {"Authorization": f"Bearer {self.live.token(self.user)}"}


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """An application with one of each."""
    folder: Path = tmp_path_factory.mktemp("fuzz")
    with listening(f"duckdb:{folder / 'okube.duckdb'}") as live:
        made = Fuzzed(live, live.run(live.user(platform_admin=True)))
        with httpx.Client(base_url=live.address, headers=made.headers()) as caller:
            for name, path, body in THINGS:
                answer = caller.post(path, json=body)
                assert answer.status_code == 201, answer.text
                made.names[name] = answer.json()["_id"]
        yield made


@pytest.fixture(scope="module")
def api(fuzzed: Fuzzed) -> Any:
    """The document, as generated requests are made of it."""
    config = schemathesis.Config.from_path(ROOT / "schemathesis.toml")
    schema = schemathesis.openapi.from_dict(fuzzed.live.app.openapi(), config=config)
    schema.config.update(base_url=fuzzed.live.address)
    schemathesis.openapi.format("h3-cell", st.sampled_from(["8c1fb4675b6a5ff", "8a1f902e6217fff"]))
    schemathesis.openapi.format("iana-time-zone", st.sampled_from(["Europe/Paris", "UTC", "America/New_York"]))

    @schema.hook
    def map_path_parameters(context: Any, parameters: dict[str, Any] | None) -> dict[str, Any] | None:
        """Most requests name what there is."""
        return {
            name: fuzzed.names.get(name, value) if zlib.crc32(str(value).encode()) % 4 else value
            for name, value in (parameters or {}).items()
        }

    return schema


def test_the_application_is_as_it_says(fuzzed: Fuzzed, api: Any) -> None:
    failed: list[str] = []
    for found in api.get_all_operations():
        operation = found.ok()
        try:
            _hold(operation, fuzzed)
        except (Exception, BaseExceptionGroup) as error:
            failed.append(f"{operation.label}: {error}")
    assert not failed, "\n\n".join(failed)


def _hold(operation: Any, fuzzed: Fuzzed) -> None:
    """Sends generated requests to one operation, and holds the answers to the document."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
        derandomize=EXAMPLES < 100,
        database=None,
    )
    @given(case=operation.as_strategy())
    def each(case: Case[Any]) -> None:
        answer = case.call(headers=fuzzed.headers())
        try:
            case.validate_response(answer, excluded_checks=[positive_data_acceptance] if _beyond(case, answer) else [])
        except (Exception, BaseExceptionGroup) as error:
            sent = f"{case.method} {case.formatted_path} {case.query} {case.media_type} {case.body!r}"
            raise AssertionError(f"{sent[:1000]}\n{answer.status_code} {answer.text[:700]}\n{_said(error)}") from None

    each()


def _beyond(case: Case[Any], answer: Any) -> bool:
    """Whether the document could not say that this is refused.

    No rule tells how a form holds objects and lists of objects; `parameters` take any JSON, but for its huge integers.
    """
    return case.media_type in (FORM, MULTIPART) or "/parameters/" in answer.text


def _said(error: BaseException) -> str:
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else [error]
    return "; ".join(str(one).partition("\n")[0] for one in inner)
