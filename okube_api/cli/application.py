"""Creates and lists applications."""

import sys
from collections.abc import Mapping
from urllib.parse import quote

from okube_api.cli.api import open_api
from okube_api.cli.listing import print_columns, print_json, read_list
from okube_api.cli.runtime import echo, run_command
from okube_api.store.values import Json


def add_application(key: str, fields: Mapping[str, str | None], *, url: str | None, token: str | None) -> None:
    """Create an application, and print its id.

    fields: `name`, `timezone`, `currency` and `country`; None where the default applies.
    """
    body: Json = {"key": key, **{name: text for name, text in fields.items() if text is not None}}
    if (country := body.pop("country", None)) is not None:
        body["settings"] = {"country": country}

    async def add() -> None:
        async with open_api(url, token, creates_store=True) as requests:
            application = (await requests.send("POST", "/applications", json=body)).json()
        echo(f"Created the application {application['key']} with the id:")
        sys.stdout.write(f"{application['_id']}\n")

    run_command(add())


def list_applications(*, as_json: bool, url: str | None, token: str | None) -> None:
    """Print the applications that the token may read, or all of the store."""

    async def list_all() -> None:
        async with open_api(url, token) as requests:
            documents = await read_list(requests, "/applications")
        if as_json:
            print_json(documents)
            return
        fields = ("key", "name", "timezone", "currency", "_id")
        print_columns(
            ("KEY", "NAME", "TIME ZONE", "CURRENCY", "ID"),
            [[document[field] for field in fields] for document in documents],
        )

    run_command(list_all())


def application_path(name: str) -> str:
    """Return the path of the application with an id or key."""
    return f"/applications/{quote(name, safe='')}"
