"""The examples of the documentation are what their models take."""

import h3
import pytest
from okube_api.api.examples import EXAMPLES
from pydantic import BaseModel


@pytest.mark.parametrize("model", EXAMPLES, ids=lambda model: model.__name__)
def test_an_example_is_what_its_model_takes(model: type[BaseModel]) -> None:
    model.model_validate(EXAMPLES[model])
    aliases = {field.alias or name for name, field in model.model_fields.items()}
    assert set(EXAMPLES[model]) <= aliases


def test_cells_are_cells() -> None:
    cells = [cell for one in EXAMPLES.values() for cell in one.get("indoorIndexes", {}).get("indexes", ())]
    assert cells
    assert all(h3.is_valid_cell(cell) for cell in cells)
