"""The layers of the package, read from its imports: what may import what, directly and through others."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.source_text import remove_texts

PACKAGE = Path(__file__).parents[1] / "okube_api"
FILES = sorted(PACKAGE.rglob("*.py"))

LAYERS = (  # from the top: a module imports its own part, or parts of lower layers
    ("__main__",),
    ("cli",),
    ("bench", "demo"),
    ("app",),
    ("api", "store_schema"),
    ("backup",),
    ("analytics", "ingest"),
    ("applications", "areas", "campaigns", "equipments", "pois", "sites", "studies", "views", "jobs"),
    ("engine", "http", "tables", "auth"),
    ("catalogue", "kit", "geo"),
    ("store",),
    ("client",),
    (
        "settings",
        "errors",
        "clock",
        "lazy_imports",
        "threads",
        "shared_work",
        "metrics",
        "leaf_parts",
        "urls",
        "__init__",
    ),
)
SIBLINGS = {  # parts of the same layer that one may import
    "bench": ("demo",),
    "campaigns": ("sites",),
    "equipments": ("sites",),
    "pois": ("sites",),
    "studies": ("pois", "sites"),
    "catalogue": (),
    "settings": ("urls",),
}
HTTP_LIBRARIES = ("fastapi", "starlette")
SPEAKS_HTTP = (
    "__main__",
    "cli",
    "bench",
    "demo",
    "app",
    "api",
    "store_schema",
    "http",
)  # parts that may reach those libraries
DRIVERS = {  # a driver: the paths that may import it
    "duckdb": ("store/duckdb/", "bench/competitors.py"),  # the bench times DuckDB itself
    "pymongo": ("store/mongo/", "bench/mongo_database.py"),  # the plain pipeline
    "bson": ("store/mongo/",),
}


IMPORT = re.compile(r"^ *((?:from [\w.]+ )?import (?:\([^)]*\)|.*))$", re.MULTILINE)


def module_name(path: Path) -> str:
    """Return the dotted name of a file of the package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


def part_of(module: str) -> str:
    """Return the part of the package that a module belongs to: its first folder or its file at the top."""
    return [*module.split("."), "__init__"][1]


@cache
def imports(module: str) -> frozenset[str]:
    """Return the absolute names of what a module imports, wherever in the file; names of symbols included."""
    path = MODULES[module]
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    names: set[str] = set()
    for node in ast.parse("\n".join(IMPORT.findall(remove_texts(path.read_text(encoding="utf-8"))))).body:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        else:
            assert isinstance(node, ast.ImportFrom)
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            origin = ".".join(name for name in (base, node.module) if name)
            names.add(origin)
            names.update(f"{origin}.{alias.name}" for alias in node.names)
    return frozenset(names)


@cache
def imported_modules(module: str) -> frozenset[str]:
    """Return the modules of the package that a module imports."""
    return frozenset(name for name in imports(module) if name in MODULES and name not in ("okube_api", module))


def paths_to(module: str, libraries: tuple[str, ...]) -> Iterator[list[str]]:
    """Yield a chain of imports from a module to each library that it reaches, directly or through others."""
    chains, visited = [[module]], {module}
    while chains:
        chain = chains.pop()
        yield from ([*chain, name] for name in imports(chain[-1]) if name.split(".")[0] in libraries)
        for target in imported_modules(chain[-1]) - visited:
            visited.add(target)
            chains.append([*chain, target])


def upward_imports(module: str) -> list[str]:
    """Return the imports of a module that its layer does not allow."""
    rank = {part: number for number, layer in enumerate(LAYERS) for part in layer}
    part = part_of(module)
    allowed = {part, *SIBLINGS.get(part, ())}
    return [
        f"{module} imports {target}"
        for target in sorted(imported_modules(module))
        if part_of(target) not in allowed and rank[part_of(target)] <= rank[part]
    ]


def cycle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the names of one cycle of a graph, the first repeated at the end; empty when there is none."""
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done:
            return []
        for target in graph.get(name, ()):
            if loop := visit(target, [*trail, name]):
                return loop
        done.add(name)
        return []

    return next((loop for name in graph if (loop := visit(name, []))), [])


def test_every_part_has_a_layer() -> None:
    parts = [part for layer in LAYERS for part in layer]
    assert sorted(parts) == sorted({part_of(module) for module in MODULES})


def test_every_file_named_here_exists() -> None:
    paths = [path for places in DRIVERS.values() for path in places]
    assert [path for path in paths if not (PACKAGE / path).exists()] == []
    assert {*SIBLINGS, *SPEAKS_HTTP} <= {part for layer in LAYERS for part in layer}


def child_graph(folder: str) -> dict[str, set[str]]:
    """Return which of the files and folders in a folder import which others of them."""
    depth = len(folder.split("."))
    graph: dict[str, set[str]] = {}
    for module in MODULES:
        if module.startswith(f"{folder}."):
            targets = (target for target in imported_modules(module) if target.startswith(f"{folder}."))
            child = module.split(".")[depth]
            graph.setdefault(child, set()).update({target.split(".")[depth] for target in targets} - {child})
    return graph


# One test for all modules each: a test for each of them costs more than it checks.


def test_imports_go_down() -> None:
    assert [line for module in MODULES for line in upward_imports(module)] == []


def test_http_libraries_are_not_reached() -> None:
    modules = [module for module in MODULES if part_of(module) not in SPEAKS_HTTP]
    assert [chain for module in modules for chain in paths_to(module, HTTP_LIBRARIES)] == []


def test_drivers_stay_in_their_store() -> None:
    misplaced = [
        f"{module} imports {driver}"
        for module, path in MODULES.items()
        for driver in {name.split(".")[0] for name in imports(module)} & DRIVERS.keys()
        if not path.relative_to(PACKAGE).as_posix().startswith(DRIVERS[driver])
    ]
    assert misplaced == []


def test_children_of_a_folder_form_no_cycle() -> None:
    """Check that the files and folders in a folder do not import each other in a cycle."""
    folders = sorted({module_name(path.parent / "__init__.py") for path in FILES})
    assert {folder: loop for folder in folders if (loop := cycle(child_graph(folder)))} == {}


def test_an_upward_import_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "run.py"
    file.write_text("def f():\n    import starlette.requests\n    from ..http import problems\n")
    monkeypatch.setitem(MODULES, "okube_api.engine.probe", file)
    assert upward_imports("okube_api.engine.probe") == [
        "okube_api.engine.probe imports okube_api.http",
        "okube_api.engine.probe imports okube_api.http.problems",
    ]
    chains = [chain[-2:] for chain in paths_to("okube_api.engine.probe", HTTP_LIBRARIES)]
    assert ["okube_api.engine.probe", "starlette.requests"] in chains
    assert any(chain[0] == "okube_api.http.problems" for chain in chains)


def test_a_cycle_is_detected() -> None:
    assert cycle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c", "b"]


def test_nothing_connects_at_import() -> None:
    forbidden = {"connect", "AsyncMongoClient", "create_app", "Settings", "now"}
    call = re.compile(rf"\b(?:{'|'.join(forbidden)})\(")
    calls = [
        f"{path.name}: {ast.unparse(node)}"
        for path in FILES
        if call.search(source := path.read_text(encoding="utf-8"))
        for statement in ast.parse(source).body
        if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr)
        for node in ast.walk(statement)
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in forbidden
    ]
    assert calls == []
