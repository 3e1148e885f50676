"""Write the pages of the KPIs, `docs/kpis/*.md`: each KPI with a question about the sample data and its answer.

    python -m scripts.kpi_pages

The answers come from the engine, over the files in `docs/samples/`.
"""

import asyncio
import csv
import json
import logging
import tempfile
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import structlog
from okube_api.analytics.formulas import list_fields, list_operands, name_numbers, write_formula
from okube_api.analytics.kpis import MODULES, list_kpi_records
from okube_api.app import create_app
from okube_api.auth.repository import User
from okube_api.catalogue.expressions.numbers import Minus, Plus
from okube_api.catalogue.kpi import Kpi, KpiKind, LeafShape, Module, Unit
from okube_api.catalogue.registry import BY_NAME, CATALOGUE
from okube_api.catalogue.value import Number, Value
from okube_api.settings import Settings

Json = dict[str, Any]

DOCS = Path(__file__).parents[1] / "docs"
SAMPLES = DOCS / "samples"
APPLICATION = "lumen"
KINDS = ("areas", "panelists", "stays", "touches", "visits", "purchases", "deliveries", "detections")
"""The sample files that the examples are about, in the order in which they are ingested."""

_MOST_PARAMS = 50
_WIDTH = 100


@dataclass(frozen=True)
class ModuleExample:
    """What the examples of a module have in common.

    path, url: where and about which days they ask.
    scope: what KPIs that are one number are broken down by.
    kinds: the sample files that matter, shown on the page.
    """

    path: str
    url: Mapping[str, str]
    scope: str
    kinds: tuple[str, ...]

    @property
    def query(self) -> str:
        """The query string."""
        return str(httpx.QueryParams(self.url))


_MARCH = {"from": "2024-03-01", "to": "2024-03-11"}
EXAMPLES = {
    Module.GEO_MARKETING: ModuleExample(
        "/studies/shops/geo-marketing/analytics",
        {"from": "2024-03-04", "to": "2024-03-11", "uplift": "false"},
        "sites",
        ("stays", "panelists", "areas"),
    ),
    Module.CONVERSION: ModuleExample(
        "/conversions/levers/analytics",
        {**_MARCH, "uplift": "false"},
        "campaigns",
        ("touches", "visits", "purchases", "deliveries"),
    ),
    Module.PRESENCE: ModuleExample(
        "/presence/analytics", {"from": "2024-03-04", "to": "2024-03-05"}, "sites", ("detections",)
    ),
    Module.PERFORMANCE: ModuleExample(
        "/performance/analytics", {**_MARCH, "uplift": "false"}, "sites", ("visits", "purchases", "touches")
    ),
}


# -- the sample application ----------------------------------------------------------------------------------------


class SampleClient:
    """Sends requests about the sample application; ids in answers become `000…1`, `000…2` and so on."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.ids: dict[str, str] = {}

    async def post(self, path: str, body: Json | list[Json], **url: str) -> Any:
        """Post JSON; raise AssertionError if it is refused."""
        answer = await self.client.post(f"/applications/{APPLICATION}{path}", params=url, json=body)
        assert answer.is_success, answer.text
        text = answer.text
        for identifier, number in self.ids.items():
            text = text.replace(identifier, number)
        return json.loads(text)

    async def create(self, path: str, body: Json) -> None:
        """Create a resource."""
        created = await self.post(path, body)
        self.ids[created["_id"]] = f"{len(self.ids) + 1:024}"

    async def ingest(self, kind: str, file: Path, **url: str) -> httpx.Response:
        """Send a file of events."""
        path = f"/applications/{APPLICATION}/ingest/{kind}"
        types = {".csv": "text/csv", ".ndjson": "application/x-ndjson"}
        headers = {"Content-Type": types[file.suffix]}
        content = await asyncio.to_thread(file.read_bytes)
        return await self.client.post(path, params=url, content=content, headers=headers)


@asynccontextmanager
async def run_samples(kinds: Sequence[str] = KINDS) -> AsyncIterator[SampleClient]:
    """Run a server with the application of `docs/samples/world.json`, and the events of some of the files there."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            store_url=f"duckdb:{folder}/okube.duckdb", secret_key="of sample data " * 3, rate_limit=None
        )
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            sessions = app.state.services.sessions
            document = await sessions.users.create("sample@example.com", "no password", platform_admin=True)
            token = sessions.issue(User.from_document(document))[1]
            transport = httpx.ASGITransport(app, client=("127.0.0.1", 40_000))
            headers = {"Authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
                sample = SampleClient(client)
                await fill_application(sample, kinds)
                yield sample


async def fill_application(sample: SampleClient, kinds: Sequence[str]) -> None:
    """Create the application of the samples with its resources, and send its events of these kinds."""
    world = json.loads((SAMPLES / "world.json").read_text(encoding="utf-8"))
    answer = await sample.client.post("/applications", json={"key": APPLICATION, **world["application"]})
    assert answer.is_success, answer.text
    for resources in ("levers", "sites", "pois"):
        for body in world[resources]:
            await sample.create(f"/{resources}", body)
    for body in world["equipments"]:
        fields = dict(body)
        await sample.create(f"/sites/{fields.pop('site')}/equipments", fields)
    for resources in ("studies", "campaigns"):
        for body in world[resources]:
            await sample.create(f"/{resources}", body)
    for kind in kinds:
        batch = await sample.ingest(kind, SAMPLES / f"{kind}.csv")
        assert batch.is_success, batch.text
        assert batch.json()["rejected"] == 0, batch.text


# -- questions and answers -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KpiExample:
    """A question about a KPI, its answer, and the values of the numbers in its formula."""

    param: Json
    answer: list[Json]
    operands: Mapping[Number, float | None]


def build_param(module: Module, kpi: Kpi) -> Json:
    """Return the param of the example of a KPI."""
    param: Json = {"kpi": kpi.name, "temporals": False}
    if kpi.leaf is LeafShape.LEVER:
        return {**param, "globals": False, "levers": {"properties": ["key"]}}
    is_split = kpi.leaf is LeafShape.ATTRIBUTIONS or (kpi.leaf is LeafShape.NUMBER and kpi.kind is not KpiKind.RATIO)
    return {**param, EXAMPLES[module].scope: {"properties": ["key"]}} if is_split else param


async def ask_all(sample: SampleClient, module: Module) -> list[KpiExample]:
    """Return the examples of all KPIs of a module."""
    kpis = CATALOGUE[module]
    answers = await _ask(sample, module, [build_param(module, kpi) for kpi in kpis])
    operands = await evaluate_numbers(sample, module, list_numbers(module))
    return [
        KpiExample(build_param(module, kpi), [element for element in answers if element["kpi"] == kpi.name], operands)
        for kpi in kpis
    ]


async def _ask(sample: SampleClient, module: Module, params: list[Json]) -> list[Json]:
    example, elements = EXAMPLES[module], []
    for start in range(0, len(params), _MOST_PARAMS):
        body = {"params": params[start : start + _MOST_PARAMS]}
        elements += await sample.post(example.path, body, **example.url)
    return elements


def list_numbers(module: Module) -> set[Number]:
    """Return all numbers in the formulas of a module that are arithmetic."""
    return {
        operand
        for kpi in CATALOGUE[module]
        for _, value in list_fields(kpi.value)
        for operand in list_operands(value)
        if not isinstance(operand, Plus | Minus) or operand in name_numbers(module)
    }


async def evaluate_numbers(
    sample: SampleClient, module: Module, numbers: Collection[Number]
) -> dict[Number, float | None]:
    """Return the values of numbers in the period of the examples of a module.

    Those that are no KPIs are asked for as KPIs that this process adds to the catalogue for the time of the question.
    """
    names = {number: name_numbers(module).get(number) or f"operand{index}" for index, number in enumerate(numbers)}
    added = {
        name: Kpi(name, number, Unit.COUNT, KpiKind.ADDITIVE, (), "A number of a formula.", "")
        for number, name in names.items()
        if name not in BY_NAME[module]
    }
    catalogue: Any = BY_NAME[module]
    catalogue.update(added)
    try:
        answers = await _ask(sample, module, [{"kpi": name, "temporals": False} for name in names.values()])
    finally:
        for name in added:
            del catalogue[name]
    values = {element["kpi"]: element["data"]["all"] for element in answers}
    return {number: values[name] for number, name in names.items()}


def compute_formula(value: Value, operands: Mapping[Number, float | None]) -> str | None:
    """Return the formula of a value with numbers in place of words; None when it is not made of numbers."""
    if not list(list_operands(value)):
        return None
    return write_formula(value, lambda number: format_number(operands[number]) if number in operands else None)


def format_number(number: float | None) -> str:
    """Return a number as the pages have it."""
    return "null" if number is None else f"{number:.10g}".replace("-", "−")  # noqa: RUF001 - the sign of mathematics


# -- pages ---------------------------------------------------------------------------------------------------------


def format_json(value: Any, indent: int = 0) -> str:
    """Return JSON with objects and lists on a line of their own only where they are too long for one."""
    compact = json.dumps(value, ensure_ascii=False)
    if len(compact) + indent <= _WIDTH or not isinstance(value, dict | list):
        return compact
    pad, inner = " " * indent, " " * (indent + 2)
    if isinstance(value, dict):
        parts = [f"{inner}{json.dumps(name)}: {format_json(part, indent + 2)}" for name, part in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{pad}}}"
    return "[\n" + ",\n".join(f"{inner}{format_json(part, indent + 2)}" for part in value) + f"\n{pad}]"


def render_page(module: Module, examples: Sequence[KpiExample]) -> str:
    """Return the page of a module."""
    return "\n".join(_list_lines(module, examples))


def _list_lines(module: Module, examples: Sequence[KpiExample]) -> Iterator[str]:
    example, kpis = EXAMPLES[module], CATALOGUE[module]
    yield f"# KPIs of {module.value}\n"
    yield f"{MODULES[module]} [All KPIs](../kpis.md) · [Concepts](../concepts.md) · [Questions](../questions.md)\n"
    yield "Generated by `make documents`: the text from the catalogue, the numbers by the engine.\n"
    yield "## The examples\n"
    yield (
        f"All questions are about the application of [world.json](../samples/world.json) and the events below, from "
        f"{example.url['from']} to {example.url['to']}"
        + (", without uplift (`uplift=false`)" if "uplift" in example.url else "")
        + ". Ids are shortened to `000000000000000000000001` and so on; yours differ. Where the formula is arithmetic, "
        "it is repeated with the numbers of the example. Each KPI has all modes and granularities that its lines name, "
        "and every scope in *by*. Everything else that a question can have is on [the page of questions]"
        "(../questions.md).\n"
    )
    for kind in example.kinds:
        yield f"`{kind}`, [{kind}.csv](../samples/{kind}.csv):\n"
        yield from _render_table(SAMPLES / f"{kind}.csv")
    records = {record["kpi"]: record for record in list_kpi_records() if record["module"] == module.value}
    for kpi, each in zip(kpis, examples, strict=True):
        yield from _render_kpi(module, kpi, each, records[kpi.name])


def _render_table(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def _render_kpi(module: Module, kpi: Kpi, each: KpiExample, record: Json) -> Iterator[str]:
    example = EXAMPLES[module]
    yield f"## {kpi.name}\n"
    yield f"{kpi.meaning} *{kpi.title}*\n"
    yield "```text"
    yield from _render_formula(kpi, each, record["formula"])
    yield "```\n"
    explained = "[what these mean](../kpis.md#kinds-and-units)"
    yield f"- **Unit** `{kpi.unit}`, **kind** `{kpi.kind}`, **leaf** `{kpi.leaf}` ({explained})"
    yield f"- **Needs** events: {', '.join(record['events'])}{_also_needed(kpi, record)}"
    for mode, granularities in record["granularities"].items():
        yield f"- **{mode.capitalize()}** by {', '.join(granularities) or 'nothing'}"
    yield f"- **By** {', '.join(f'`{name}`' for name in record['by'])}\n"
    yield "```http"
    yield f"POST /applications/{APPLICATION}{example.path}?{example.query}"
    yield "Content-Type: application/json\n"
    yield format_json({"params": [each.param]})
    yield "```\n"
    yield "```json"
    yield format_json(each.answer)
    yield "```\n"


def _also_needed(kpi: Kpi, record: Json) -> str:
    """Return what else a KPI needs: the costs of campaigns."""
    return ", and the costs of campaigns" if "cost" in " ".join([kpi.name, *record["formula"]]).lower() else ""


def _render_formula(kpi: Kpi, each: KpiExample, formula: Sequence[str]) -> Iterator[str]:
    fields = list(list_fields(kpi.value))
    for (field, value), line in zip(fields, formula, strict=False):
        parts = line.split("; ")
        yield from (line,) if field else (f"{kpi.name} = {line}",) if len(parts) == 1 else (f"{kpi.name}:", *parts)
        numbers = compute_formula(value, each.operands)
        if numbers is not None:
            pad = " " * (len(field or kpi.name) + 1)
            leaf = next((element["data"].get("all") for element in each.answer if element["scope"] == "globals"), None)
            for name in field.split(".") if field and leaf else ():
                leaf = leaf[name] if leaf is not None else None
            yield f"{pad}= {numbers}"
            if leaf is not None:
                yield f"{pad}= {format_number(leaf)}"
    for line in formula[len(fields) :]:
        yield from line.split("; ")


async def render_pages() -> dict[str, str]:
    """Return the text of all pages by the name of their file."""
    async with run_samples() as sample:
        return {
            f"{module.value}.md": render_page(module, await ask_all(sample, module)).rstrip() + "\n"
            for module in CATALOGUE
        }


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for name, text in asyncio.run(render_pages()).items():
        (DOCS / "kpis").mkdir(exist_ok=True)
        (DOCS / "kpis" / name).write_text(text, encoding="utf-8")
