"""The command line: serve, demo, user, ingest, rebuild, openapi, bench."""

import typer

from okube_api.cli.commands import bench, demo, ingest, openapi, rebuild, serve, users

cli = typer.Typer(
    name="okube-api",
    help="Drive-to-store analytics: a REST API server on an embedded store or on MongoDB.\n\n"
    "Settings are OKUBE_* variables; docs/settings.md lists them. OKUBE_STORE_URL says where data lives "
    "(duckdb:./okube-data/okube.duckdb when it is not set).",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (serve, demo, ingest, rebuild, openapi, bench):
    cli.command()(command)
cli.add_typer(users, name="user")


def main() -> None:
    """Runs the command line."""
    cli()
