"""Write the notebook of an example from its script, whose cells begin with `# %%`.

    python -m scripts.notebook

A cell `# %% [markdown]` has text, in comments. The notebook has no outputs, so that it is the same on every machine.
"""

import json
import re
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[1] / "examples"


def build_notebook(script: str) -> str:
    """Return the notebook of a script, as the JSON of its format (4.5)."""
    cells: list[dict[str, Any]] = []
    for part in re.split(r"^# %%", script, flags=re.MULTILINE)[1:]:
        mark, _, source = part.partition("\n")
        source = source.strip("\n")
        cell: dict[str, Any] = {"id": f"cell-{len(cells) + 1}", "metadata": {}}
        if "[markdown]" in mark:
            source = re.sub(r"^# ?", "", source, flags=re.MULTILINE)
            cell |= {"cell_type": "markdown"}
        else:
            cell |= {"cell_type": "code", "execution_count": None, "outputs": []}
        cells.append({**cell, "source": source.splitlines(keepends=True)})
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> None:
    """Write the notebook of every example."""
    for path in EXAMPLES.glob("*.py"):
        path.with_suffix(".ipynb").write_text(build_notebook(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
