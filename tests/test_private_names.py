"""The package uses no private names of libraries: an update of a library may change them without notice."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.source_text import remove_texts

ROOT = Path(__file__).parents[1]
PACKAGE = sorted((ROOT / "okube_api").rglob("*.py"))


SUSPECT = re.compile(r"(?<!\bself)\._[a-z]|^ *class \w+\(|import .*\b_[a-z]|from .*\._|^ +_\w+,$", re.MULTILINE | re.I)
"""What a file has that uses a private name, or inherits one.  Files without it are not parsed."""


def is_private(name: str) -> bool:
    """Tell whether one part of a dotted name is private."""
    return any(part.startswith("_") and not part.endswith("__") for part in name.split("."))


def is_library(module: str) -> bool:
    """Tell whether a module belongs to a library outside of Python and this package."""
    top = module.partition(".")[0]
    return top != "okube_api" and top not in sys.stdlib_module_names


def library_names(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Yield line, full name and local name of everything that a file imports from libraries."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if is_library(alias.name):
                    yield node.lineno, alias.name, alias.asname or alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level and is_library(node.module):
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}", alias.asname or alias.name


def inherited_names(node: ast.ClassDef) -> Iterator[tuple[int, str]]:
    """Yield line and name of each private attribute that a class reads from itself but does not define."""
    attributes = [
        attribute
        for attribute in ast.walk(node)
        if isinstance(attribute, ast.Attribute)
        and isinstance(attribute.value, ast.Name)
        and attribute.value.id == "self"
    ]
    defined = {attribute.attr for attribute in attributes if isinstance(attribute.ctx, ast.Store)}
    for statement in ast.walk(node):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            defined.add(statement.name)
        elif isinstance(statement, ast.AnnAssign | ast.Assign):
            targets = [statement.target] if isinstance(statement, ast.AnnAssign) else statement.targets
            defined |= {target.id for target in targets if isinstance(target, ast.Name)}
    for attribute in attributes:
        if is_private(attribute.attr) and attribute.attr not in defined:
            yield attribute.lineno, f"self.{attribute.attr}"


def find_private_names(source: str) -> list[str]:
    """Return the private names of libraries in a file, each with its line."""
    if not SUSPECT.search(remove_texts(source)):
        return []
    tree = ast.parse(source)
    imported = list(library_names(tree))
    local_names = {local for _, _, local in imported}
    uses = [(line, name) for line, name, _ in imported if is_private(name)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            name = ast.unparse(node)
            if name.partition(".")[0] in local_names:
                uses.append((node.lineno, name))
        elif isinstance(node, ast.ClassDef) and any(ast.unparse(base) in local_names for base in node.bases):
            uses.extend(inherited_names(node))
    return [f"{line}: {name}" for line, name in sorted(uses)]


def test_no_private_names_of_libraries() -> None:
    uses = [
        f"{path.relative_to(ROOT)}:{use}"
        for path in PACKAGE
        for use in find_private_names(path.read_text(encoding="utf-8"))
    ]
    assert uses == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from fastapi._compat import x", ["1: fastapi._compat.x"]),
        ("from fastapi import _x", ["1: fastapi._x"]),
        ("import duckdb._sql as q", ["1: duckdb._sql"]),
        ("import numpy as np\nnp._x()", ["2: np._x"]),
        ("from a import B\nclass C(B):\n    def f(self):\n        return self._x", ["4: self._x"]),
        ("from a import B\nclass C(B):\n    def f(self):\n        self._x = 1\n        return self._x", []),
        ("from okube_api.store import _x\nimport os\nos._exit(1)", []),
        ("from a import b\nb.__name__", []),
    ],
)
def test_private_names_are_found(source: str, expected: list[str]) -> None:
    assert find_private_names(source) == expected
