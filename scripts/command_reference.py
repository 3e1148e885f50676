"""Writes the reference of all commands at the end of `docs/command-line.md`, from the command line itself.

`make documents` runs it; `tests/cli/test_command_reference.py` checks that the page is up to date.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer
from okube_api.cli import cli

PAGE = Path(__file__).parents[1] / "docs" / "command-line.md"
HEADING = "## All commands"
_PROGRAM = "okube-api"


def write_page(text: str) -> str:
    """Return the text of the page with the reference of the present commands."""
    before, _, _ = text.partition(f"{HEADING}\n")
    return f"{before}{HEADING}\n\n{write_reference()}"


def write_reference() -> str:
    """Return a section for each command: what it does, its arguments and its options."""
    root: Any = typer.main.get_command(cli)
    return "\n".join(_write_group(root, _PROGRAM))


def _write_group(group: Any, name: str) -> Iterator[str]:
    for command_name, command in group.commands.items():
        full_name = f"{name} {command_name}"
        if hasattr(command, "commands"):
            yield from _write_group(command, full_name)
        else:
            yield from _write_command(command, full_name)


def _write_command(command: Any, name: str) -> Iterator[str]:
    params = [param for param in command.params if not getattr(param, "hidden", False)]
    arguments = [param for param in params if param.param_type_name == "argument"]
    yield f"### {name.removeprefix(_PROGRAM).strip()}\n"
    yield f"`{' '.join((name, *(argument.metavar or argument.name.upper() for argument in arguments)))}`\n"
    paragraphs = command.help.split("\n\n")
    for paragraph in paragraphs:
        text = re.sub(r"\s+", " ", paragraph).strip()
        yield f"`{text}`\n" if text.startswith(f"{_PROGRAM} ") else f"{_escape(text)}\n"
    if rows := [row for param in params if (row := _write_param(param))]:
        yield "| | |\n|---|---|"
        yield from rows
        yield ""


def _write_param(param: Any) -> str:
    """Return the line of an argument or option; an empty text for one without help."""
    if not param.help:
        return ""
    if param.param_type_name == "argument":
        names = f"`{param.metavar or param.name.upper()}`"
    else:
        value = "" if param.is_flag else f" {_name_value(param)}"
        names = ", ".join(f"`{option}{value}`" for option in (*param.opts, *param.secondary_opts))
    texts = [_escape(re.sub(r"\s+", " ", param.help))]
    if param.envvar:
        texts.append(f"Default: the variable `{param.envvar}`.")
    elif (
        isinstance(param.default, str | int | float | Path)
        and not isinstance(param.default, bool)
        and param.default != ""
    ):
        texts.append(f"Default: `{param.default}`.")
    return f"| {names} | {' '.join(texts)} |"


def _name_value(param: Any) -> str:
    """Return what the value of an option is: its choices, or a word for its type."""
    if param.metavar:
        return _escape_bars(param.metavar)
    annotation = param.type_descriptor.annotation
    types = [annotation, *get_args(annotation)]
    if choices := [choice for each in types if get_origin(each) is Literal for choice in get_args(each)]:
        return _escape_bars("|".join(map(str, choices)))
    words = {int: "N", float: "NUMBER", Path: "PATH", datetime: "DAY"}
    return next((words[each] for each in types if each in words), param.name.upper())


def _escape_bars(text: str) -> str:
    return text.replace("|", "\\|")


def _escape(text: str) -> str:
    """Return a text in which Markdown sees no markup."""
    return re.sub(r"([*<>\[\]|])", r"\\\1", text)


if __name__ == "__main__":
    PAGE.write_text(write_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
