"""Query parameters of bodies of several parts: those of the JSON body at the same path are ignored."""

import pytest

from tests.api.server import Tenant

pytestmark = [pytest.mark.anyio, pytest.mark.one_store]


async def test_options_of_the_json_answer_are_ignored(tenant: Tenant) -> None:
    files = {"file": ("x.csv", b"key,name\nspring,Spring\n", "text/csv")}
    answer = await tenant.editor.post(f"{tenant.url}/campaigns", files=files, params={"with_extra": "true"})
    assert (answer.status_code, answer.json()["created"]) == (200, 1)


async def test_unknown_parameters_are_refused(tenant: Tenant) -> None:
    files = {"file": ("x.csv", b"key,name\nspring,Spring\n", "text/csv")}
    answer = await tenant.editor.post(f"{tenant.url}/campaigns", files=files, params={"other": "true"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/other")
