"""The public methods of the client: their documentation, and their types."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_type

import pytest
from okube_api import client
from okube_api.client import (
    AnalyticsAnswer,
    ApplicationClient,
    AsyncApplicationClient,
    AsyncOkube,
    AsyncResourceList,
    Okube,
    QuestionJob,
    ResourceDocument,
    ResourceList,
)

PAGE = Path(__file__).parents[2] / "docs" / "client.md"
PAIRS = [(Okube, AsyncOkube), (ApplicationClient, AsyncApplicationClient), (ResourceList, AsyncResourceList)]


def list_methods(owner: type) -> dict[str, Any]:
    return {name: method for name, method in inspect.getmembers(owner, callable) if not name.startswith("_")}


METHODS = [
    (name, method) for owner, _ in (*PAIRS, (AnalyticsAnswer, None)) for name, method in list_methods(owner).items()
]


@pytest.mark.parametrize(("name", "method"), METHODS, ids=[name for name, _ in METHODS])
def test_each_method_has_a_docstring_and_is_on_the_page(name: str, method: Any) -> None:
    assert inspect.getdoc(method)
    table = PAGE.read_text(encoding="utf-8").partition("## All methods")[2]
    assert re.search(rf"`{name}\b", table)


@pytest.mark.parametrize(("blocking", "asynchronous"), PAIRS)
def test_asynchronous_classes_have_the_same_methods(blocking: type, asynchronous: type) -> None:
    signatures = [
        {name: str(inspect.signature(method)) for name, method in list_methods(owner).items()}
        for owner in (blocking, asynchronous)
    ]
    assert signatures[0].keys() == signatures[1].keys()
    differing = {name for name, text in signatures[0].items() if signatures[1][name] != text}
    assert differing <= {"application"}


def test_all_public_names_have_a_docstring() -> None:
    assert all(inspect.getdoc(getattr(client, name)) for name in client.__all__)


def test_results_have_types() -> None:
    """Let mypy check the types of results, which descriptors compute."""
    with Okube("http://okube.test") as okube:
        application = okube.application("x")
        assert_type(okube.applications(), Iterator[ResourceDocument])
        assert_type(application.sites, ResourceList)
        assert_type(application.sites(tags=["a"]), Iterator[ResourceDocument])
        assert_type(application.jobs(), Iterator[QuestionJob])
        assert_type(AsyncOkube("http://okube.test").application("x").sites, AsyncResourceList)


def check_types(application: ApplicationClient) -> None:
    """Let mypy check the types of what would be sent."""
    assert_type(application.ask("performance", "visits", by="week", scopes="sites"), AnalyticsAnswer)
    assert_type(application.submit("presence", ["sessions"]), QuestionJob)
    assert_type(application.sites.save("sites.csv", tags=["a"]), Path)
    assert_type(application.ingest("visits", []), ResourceDocument)
    application.ask("performance", "visits", by="weak")  # type: ignore[arg-type] # a misspelt value is found
