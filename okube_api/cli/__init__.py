"""The command line: the commands of `commands.py`, `request_commands.py` and `account_commands.py`."""

import os
import re
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from okube_api import CONTRACT_VERSION, __version__
from okube_api.cli.account_commands import applications, users
from okube_api.cli.commands import (
    backup,
    bench,
    check,
    demo,
    evaluate_stays,
    ingest,
    openapi,
    rebuild,
    restore,
    serve,
)
from okube_api.cli.request_commands import ask, import_file


class _CommandGroup(TyperGroup):
    """The commands; Ctrl-C ends each of them with status 130, also while it imports what it needs."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("okube-api: interrupted.", err=True)
            raise typer.Exit(130) from None


cli = typer.Typer(
    name="okube-api",
    cls=_CommandGroup,
    help="Drive-to-store analytics: a REST API server on an embedded store or on MongoDB.\n\n"
    "Settings are read from OKUBE_* environment variables; docs/settings.md lists them. OKUBE_STORE_URL names the "
    "store (default: duckdb:./okube-data/okube.duckdb).",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(is_requested: bool) -> None:
    if is_requested:
        typer.echo(f"okube-api {__version__} (version {CONTRACT_VERSION} of the API)")
        raise typer.Exit


@cli.callback()
def read_general_options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the versions of the package and of the API.",
        ),
    ] = False,
) -> None:
    """Read the options that stand before the command."""


def _write_in_short(match: re.Match[str]) -> str:
    """Return `--mapper=address.city=` for `--mapper[address][city]=`."""
    return f"{match[1]}={match[2].replace('][', '.')}="


class _BracketOptions(TyperCommand):
    """A command whose options may also be written as in a request: `--mapper[user]=customer`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [re.sub(r"^(--\w+)\[([^=]+)\]=", _write_in_short, text) for text in args])


class _OptionalSites(TyperCommand):
    """A command whose option `--sites` may have no value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        following = [*args, "--help"][1:]
        has_no_value = [
            text == "--sites" and after.startswith("-") for text, after in zip(args, following, strict=True)
        ]
        return super().parse_args(
            ctx, ["--sites=" if is_bare else text for text, is_bare in zip(args, has_no_value, strict=True)]
        )


_CLASSES = {
    ask: _OptionalSites,
    ingest: _BracketOptions,
    import_file: _BracketOptions,
    evaluate_stays: _BracketOptions,
}
_COMMANDS = (serve, demo, ask, ingest, import_file, rebuild, evaluate_stays, check, backup, restore, openapi, bench)

for command in _COMMANDS:
    name = "import" if command is import_file else None
    cli.command(name, cls=_CLASSES.get(command))(command)
cli.add_typer(users, name="user")
cli.add_typer(applications, name="application")


def main() -> None:
    """Run the command line.

    When the standard output cannot be written, such as to a full disk, end with a sentence and status 1; without the
    sentence when its reader has ended, such as `head`.
    """
    status: str | int | None = 0
    try:
        try:
            cli()
        except SystemExit as ending:
            status = ending.code
        sys.stdout.flush()
    except OSError as error:
        if not status and not isinstance(error, BrokenPipeError):
            typer.echo(f"okube-api: The output cannot be written: {error.strerror}.", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still to be written at the exit
        status = status or 1
    sys.exit(status)
