"""Names in the code: class names are unique in the package, and no word without content names what lives long."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.source_text import remove_texts

ROOT = Path(__file__).parents[1]
PACKAGE = sorted((ROOT / "okube_api").rglob("*.py"))
CODE = [*PACKAGE, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "scripts").glob("*.py"))]

EMPTY = frozenset(
    (
        "found",
        "one",
        "ones",
        "made",
        "told",
        "held",
        "known",
        "kept",
        "whole",
        "some",
        "others",
        "said",
        "gone",
        "thing",
        "things",
        "stuff",
        "wanted",
        "asked",
        "mine",
    )
)
# Files without these words are not parsed.
EMPTY_IN_SOURCE = re.compile(rf"(?<![a-z0-9_])_*(?:{'|'.join(EMPTY)})_*(?![a-z0-9_])", re.IGNORECASE)
CLASS = re.compile(r"^ *class _*(\w+)", re.MULTILINE)
SHORT_LINES = 3  # a name that is bound and used within so many lines may be anything


def is_empty(name: str) -> bool:
    """Tell whether a name says nothing: a word of the list, leading underscores and case aside."""
    return name.strip("_").lower() in EMPTY


def lasting_names(nodes: Sequence[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield the line and name of each definition, parameter, attribute and constant: what is seen from elsewhere."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            arguments += [argument for argument in (node.args.vararg, node.args.kwarg) if argument]
            yield from ((argument.lineno, argument.arg) for argument in arguments)
        if isinstance(node, ast.Module | ast.ClassDef):
            for statement in node.body:
                targets = statement.targets if isinstance(statement, ast.Assign) else []
                targets = [statement.target] if isinstance(statement, ast.AnnAssign) else targets
                names = (name for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))
                yield from ((name.lineno, name.id) for name in names)


def local_names(nodes: Sequence[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield the line and name of each local variable that lives for more than `SHORT_LINES` lines."""
    for function in nodes:
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        lines: dict[str, list[int]] = defaultdict(list)
        bound: set[str] = set()
        for node in ast.walk(function):
            if isinstance(node, ast.Name):
                lines[node.id].append(node.lineno)
                if isinstance(node.ctx, ast.Store):
                    bound.add(node.id)
        yield from ((min(lines[name]), name) for name in bound if max(lines[name]) - min(lines[name]) >= SHORT_LINES)


def empty_names(source: str) -> list[str]:
    """Return the empty names of a file that live long, each once with its line."""
    if not EMPTY_IN_SOURCE.search(remove_texts(source)):
        return []
    nodes = list(ast.walk(ast.parse(source)))
    names = set(lasting_names(nodes))
    if any(isinstance(node, ast.Name) and is_empty(node.id) for node in nodes):
        names.update(local_names(nodes))  # which walks through each function again
    return [f"{line}: {name}" for line, name in sorted(names) if is_empty(name)]


def test_names_say_what_they_name() -> None:
    names = [
        f"{path.relative_to(ROOT)}:{name}" for path in CODE for name in empty_names(path.read_text(encoding="utf-8"))
    ]
    assert names == []


def test_class_names_are_unique_in_the_package() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in PACKAGE:
        for name in CLASS.findall(remove_texts(path.read_text(encoding="utf-8"))):
            places[name].append(path.relative_to(ROOT).as_posix())
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_empty_names_are_detected() -> None:
    source = "def f(told):\n    one = 1\n    self.held = told\n\n\n    return one\n\n\nclass Found:\n    kept: int\n"
    assert empty_names(source) == ["1: told", "2: one", "3: held", "9: Found", "10: kept"]
    assert empty_names("def f(xs):\n    return [one for one in xs]\n") == []
