"""Who may import whom: the seams of the architecture, read from the source itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "okube_api"
MODULES = sorted(PACKAGE.rglob("*.py"))

ONLY_IN = {  # a driver: where it may be imported
    "duckdb": ("store/duckdb/", "bench/competitors.py"),  # there it stands beside the product
    "pymongo": ("store/mongo/",),
    "bson": ("store/mongo/",),
}
HTTP = ("fastapi", "starlette", "okube_api.http", "okube_api.app")
NEVER_IN = {  # a folder: what its files may not import
    "store/": (*HTTP, *(f"okube_api.{name}" for name in ("engine", "ingest", "analytics", "auth", "sites", "studies"))),
    "catalogue/": (*HTTP, "okube_api.engine", "okube_api.ingest", "okube_api.analytics"),
    "engine/": (*HTTP, "okube_api.ingest", "okube_api.analytics"),
    "ingest/": (*HTTP, "okube_api.engine", "okube_api.analytics"),
}
EDGES = ("router.py", "demo_command.py")  # the files of a domain that speak HTTP, or serve


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in it, by their absolute names."""
    package = ("okube_api", *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def within(name: str, module: str) -> bool:
    """Whether `name` is `module` or something inside it."""
    return name == module or name.startswith(f"{module}.")


def faults(path: Path) -> list[str]:
    """What a file imports and may not."""
    where = path.relative_to(PACKAGE).as_posix()
    found = [
        f"{where} imports {name}: only {' and '.join(places)} may import {driver}"
        for name in imports(path)
        for driver, places in ONLY_IN.items()
        if within(name, driver) and not where.startswith(places)
    ]
    if path.name in EDGES:
        return found
    return found + [
        f"{where} imports {name}"
        for name in imports(path)
        for folder, banned in NEVER_IN.items()
        if where.startswith(folder) and any(within(name, module) for module in banned)
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_keeps_to_its_layer(path: Path) -> None:
    assert faults(path) == []


def test_the_test_sees_a_forbidden_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "engine" / "run.py"
    module.parent.mkdir()
    module.write_text("def f():\n    import duckdb.typing\n    from ..http import problems\n")
    monkeypatch.setitem(faults.__globals__, "PACKAGE", tmp_path)
    assert len(faults(module)) == 3


def test_nothing_connects_at_import() -> None:
    calls = [
        f"{path.name}: {ast.unparse(node)}"
        for path in MODULES
        for statement in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr)
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] in {"connect", "AsyncMongoClient", "create_app", "Settings", "now"}
    ]
    assert calls == []
