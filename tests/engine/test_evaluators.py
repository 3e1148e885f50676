"""The rule by which an expression and its evaluator are found: the same file name in both folders."""

import inspect
from importlib import import_module
from pkgutil import iter_modules

import pytest
from okube_api.catalogue import expressions
from okube_api.catalogue.value import Number, Value
from okube_api.engine import evaluators
from okube_api.engine.evaluators import evaluate, evaluate_number

MODULES = sorted(module.name for module in iter_modules(expressions.__path__))


def list_expressions(module: str) -> list[type[Value]]:
    """Return the expressions that a module of the catalogue defines."""
    namespace = import_module(f"{expressions.__name__}.{module}")
    classes = (value for _, value in inspect.getmembers(namespace, inspect.isclass))
    return [cls for cls in classes if issubclass(cls, Value) and cls.__module__ == namespace.__name__]


def test_both_folders_have_the_same_files() -> None:
    assert sorted(module.name for module in iter_modules(evaluators.__path__)) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_expressions_are_evaluated_in_the_file_of_the_same_name(module: str) -> None:
    rules = {
        cls.__name__: (evaluate_number if issubclass(cls, Number) else evaluate).dispatch(cls).__module__
        for cls in list_expressions(module)
    }
    assert rules
    assert set(rules.values()) == {f"{evaluators.__name__}.{module}"}


def test_every_expression_is_in_the_folder() -> None:
    defined = {cls for module in MODULES for cls in list_expressions(module)}
    pending, subclasses = [Value], set()
    while pending:
        for cls in pending.pop().__subclasses__():
            if cls is not Number and cls.__module__.startswith("okube_api."):
                subclasses.add(cls)
            pending.append(cls)
    # dataclasses with slots replace their class: of the two of one name, the folder has the second
    assert {cls.__qualname__ for cls in subclasses} == {cls.__qualname__ for cls in defined}
