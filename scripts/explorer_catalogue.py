"""Write the texts of the KPI catalogue for the explorer's tests, which check that its translations are complete.

python -m scripts.explorer_catalogue
"""

import json
from pathlib import Path

from okube_api.analytics.kpis import list_kpi_records

PATH = Path(__file__).parents[1] / "web" / "src" / "i18n" / "catalogue.en.json"
TEXTS = ("module", "kpi", "meaning", "description", "formula")


def render_texts() -> str:
    """Return the texts of all KPIs as JSON, a KPI on each line."""
    records = [{name: record[name] for name in TEXTS} for record in list_kpi_records()]
    return "[\n" + ",\n".join(json.dumps(record, ensure_ascii=False) for record in records) + "\n]\n"


if __name__ == "__main__":
    PATH.write_text(render_texts(), encoding="utf-8")
