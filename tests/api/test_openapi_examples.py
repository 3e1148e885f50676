"""The examples of the OpenAPI document are valid for their models."""

import h3
import pytest
from okube_api.api.examples import EXAMPLES
from pydantic import BaseModel


@pytest.mark.parametrize("model", EXAMPLES, ids=lambda model: model.__name__)
def test_example_is_valid_for_its_model(model: type[BaseModel]) -> None:
    model.model_validate(EXAMPLES[model])
    aliases = {field.alias or name for name, field in model.model_fields.items()}
    assert set(EXAMPLES[model]) <= aliases


def test_cells_of_examples_exist() -> None:
    cells = [cell for example in EXAMPLES.values() for cell in example.get("indoorIndexes", {}).get("indexes", ())]
    assert cells
    assert all(h3.is_valid_cell(cell) for cell in cells)
