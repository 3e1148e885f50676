"""The application against its own OpenAPI document: generated requests pass every check and never cause a 5xx.

A few requests per operation by default; `OKUBE_FUZZ=1000` generates 1000.
"""

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from okube_api.auth.repository import User

from tests.api.live import LiveServer, run_live

if TYPE_CHECKING:
    from schemathesis import Case  # which takes half a second to import

RESOURCES = [
    ("application", "/applications", {"key": "demo"}),
    ("site", "/a/demo/sites", {"name": "Lyon", "online": False, "key": "lyon", "coordinates": [4.8357, 45.764]}),
    ("study", "/a/demo/studies", {"key": "rivals", "sites": ["lyon"]}),
    ("view", "/a/demo/views", {"name": "Monday", "path": "overview"}),
]
ROOT = Path(__file__).parents[2]
EXAMPLES = int(os.environ.get("OKUBE_FUZZ", "4"))


@dataclass
class Fuzzed:
    """The application, a platform administrator, and ids that requests can use in paths."""

    live: LiveServer
    user: User
    names: dict[str, str] = field(default_factory=dict)

    def headers(self) -> dict[str, str]:
        """Return headers with a new token, since some requests revoke theirs."""
        return {"Authorization": f"Bearer {self.live.issue_token(self.user)}"}


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """Start the application with an application, a site, a study and a view in it."""
    folder: Path = tmp_path_factory.mktemp("fuzz")
    with run_live(f"duckdb:{folder / 'okube.duckdb'}") as live:
        target = Fuzzed(live, live.run_coroutine(live.create_user(platform_admin=True)))
        with httpx.Client(base_url=live.address, headers=target.headers()) as caller:
            for name, path, body in RESOURCES:
                answer = caller.post(path, json=body)
                assert answer.status_code == 201, answer.text
                target.names[name] = answer.json()["_id"]
        yield target


@pytest.fixture(scope="module")
def api(fuzzed: Fuzzed) -> Any:
    """Load the OpenAPI document for schemathesis."""
    import schemathesis

    from tests.api import schemathesis_hooks  # noqa: F401 - its import registers formats and filters for all schemas

    config = schemathesis.Config.from_path(ROOT / "schemathesis.toml")
    schema = schemathesis.openapi.from_dict(fuzzed.live.app.openapi(), config=config)
    schema.config.update(base_url=fuzzed.live.address)

    @schema.hook
    def map_path_parameters(context: Any, parameters: dict[str, Any] | None) -> dict[str, Any] | None:
        """Use existing resources in three of four paths."""
        return {
            name: fuzzed.names.get(name, value) if zlib.crc32(str(value).encode()) % 4 else value
            for name, value in (parameters or {}).items()
        }

    return schema


@pytest.mark.slow
def test_application_conforms_to_its_document(fuzzed: Fuzzed, api: Any) -> None:
    failed: list[str] = []
    for result in api.get_all_operations():
        operation = result.ok()
        try:
            _check_operation(operation, fuzzed)
        except (Exception, BaseExceptionGroup) as error:
            failed.append(f"{operation.label}: {error}")
    assert not failed, "\n\n".join(failed)


def _check_operation(operation: Any, fuzzed: Fuzzed) -> None:
    """Send generated requests to an operation, and validate the answers."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
        derandomize=EXAMPLES < 100,
        database=None,
    )
    @given(case=operation.as_strategy())
    def check(case: "Case[Any]") -> None:
        answer = case.call(headers=fuzzed.headers())
        try:
            case.validate_response(answer)
        except (Exception, BaseExceptionGroup) as error:
            sent = f"{case.method} {case.formatted_path} {case.query} {case.media_type} {case.body!r}"
            received = f"{answer.status_code} {answer.text[:700]}"
            raise AssertionError(f"{sent[:1000]}\n{received}\n{_summarize(error)}") from None

    check()


def _summarize(error: BaseException) -> str:
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else [error]
    return "; ".join(str(exception).partition("\n")[0] for exception in inner)
