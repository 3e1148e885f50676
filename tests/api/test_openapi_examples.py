"""The examples of the OpenAPI document are valid for their models."""

import h3
import pytest
from okube_api.api.examples import EXAMPLES, PRINTED_PASSWORD
from okube_api.app import create_app
from okube_api.settings import Settings
from pydantic import BaseModel

from tests.api.server import SECRET


@pytest.mark.parametrize("model", EXAMPLES, ids=lambda model: model.__name__)
def test_example_is_valid_for_its_model(model: type[BaseModel]) -> None:
    model.model_validate(EXAMPLES[model])
    aliases = {field.alias or name for name, field in model.model_fields.items()}
    assert set(EXAMPLES[model]) <= aliases


def test_cells_of_examples_exist() -> None:
    cells = [cell for example in EXAMPLES.values() for cell in example.get("indoorIndexes", {}).get("indexes", ())]
    assert cells
    assert all(h3.is_valid_cell(cell) for cell in cells)


def test_password_of_a_demo_is_in_its_own_document_only() -> None:
    demo, other = [create_app(Settings(store_url="duckdb::memory:", secret_key=SECRET)) for _ in range(2)]
    demo.state.demo_password = "bicycle harbour mint lantern"
    for app, password in ((demo, "bicycle harbour mint lantern"), (other, PRINTED_PASSWORD)):
        schemas = app.openapi()["components"]["schemas"]
        (login,), (change,) = schemas["Login"]["examples"], schemas["PasswordChange"]["examples"]
        assert (login["password"], change["current"]) == (password, password)
