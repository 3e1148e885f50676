"""JSON bodies of JSONTestSuite: valid ones are parsed, invalid ones are refused with 400."""

import json

import httpx
import pytest

from tests.api.server import Tenant
from tests.corpora.corpora import load_json_bodies

pytestmark = pytest.mark.anyio

VALID, INVALID = load_json_bodies("y_"), load_json_bodies("n_")
REFUSED_ON_PURPOSE = {
    "y_object_duplicated_key.json": "repeated",
    "y_object_duplicated_key_and_value.json": "repeated",
    "y_object_escaped_null_in_key.json": "invalid_text",
    "y_string_null_escape.json": "invalid_text",
}
OTHER_CODES = {
    "n_number_NaN.json": "out_of_range",
    "n_number_infinity.json": "out_of_range",
    "n_number_minus_infinity.json": "out_of_range",
    "n_structure_100000_opening_arrays.json": "too_deep",
    "n_structure_open_array_object.json": "too_deep",
}
"""Codes of the bodies that Python's parser does not refuse as malformed."""


async def create_study(tenant: Tenant, body: bytes) -> httpx.Response:
    return await tenant.editor.post(f"{tenant.url}/studies", content=body, headers={"Content-Type": "application/json"})


def get_code(response: httpx.Response) -> str:
    """Return the code of the only error of an answer."""
    [error] = response.json()["errors"]
    code: str = error["code"]
    return code


def test_the_corpus_is_complete() -> None:
    assert (len(VALID), len(INVALID)) == (95, 188)


@pytest.mark.parametrize("name", sorted(VALID.keys() - REFUSED_ON_PURPOSE.keys()))
async def test_valid_bodies_are_parsed(tenant: Tenant, name: str) -> None:
    """Send each as a free value of a study, which must return it: most are not the body of any route."""
    body = b'{"key": "%b", "parameters": {"value": %b}}' % (name.encode(), VALID[name])
    response = await create_study(tenant, body)
    assert response.status_code == 201, response.text
    assert response.json()["parameters"] == {"value": json.loads(VALID[name])}


@pytest.mark.parametrize("name", sorted(INVALID))
async def test_invalid_bodies_are_refused(tenant: Tenant, name: str) -> None:
    """Check the code, too: a study without its fields is refused with 400 as well."""
    response = await create_study(tenant, INVALID[name])
    assert response.status_code == 400
    assert get_code(response) == OTHER_CODES.get(name, "invalid_json")


@pytest.mark.parametrize(("name", "code"), REFUSED_ON_PURPOSE.items())
async def test_repeated_names_and_nul_are_refused(tenant: Tenant, name: str, code: str) -> None:
    response = await create_study(tenant, VALID[name])
    assert response.status_code == 400
    assert get_code(response) == code
