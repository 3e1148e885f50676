"""Creates, lists and deletes applications."""

import sys
from collections.abc import Mapping

from okube_api.cli.api import open_api
from okube_api.cli.runtime import ask_person, echo, run_command, show_status, write_json
from okube_api.cli.text_tables import build_label, open_output, print_columns
from okube_api.client.request_values import build_path
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
            documents = await requests.read_list("/applications")
        if as_json:
            write_json(documents)
            return
        headers = {"key": "KEY", "name": "NAME", "timezone": "TIME ZONE", "currency": "CURRENCY", "_id": "ID"}
        columns = [
            build_label(header, [document[field] for document in documents]) for field, header in headers.items()
        ]
        print_columns(open_output(), columns)

    run_command(list_all())


def delete_application(name: str, *, is_confirmed: bool, url: str | None, token: str | None) -> None:
    """Delete an application with all of its data, after its key was typed.

    is_confirmed: whether the key need not be typed.
    """

    async def delete() -> None:
        path = build_path("applications", name)
        async with open_api(url, token) as requests:
            response = await requests.send("GET", path)
            key = response.json()["key"]
            if not is_confirmed:
                _confirm(response.json())
            with show_status(f"Deleting {key}..."):
                await requests.send(
                    "DELETE", path, params={"confirm": key}, headers={"If-Match": response.headers["ETag"]}
                )
        echo(f"The application {key} is deleted.")

    run_command(delete())


def _confirm(application: Json) -> None:
    """Let the user type the key of an application.  Raise ValueError when it is another text."""
    if not _has_terminal():
        raise ValueError("There is no terminal to ask for a confirmation. Pass --yes to delete the application.")
    key, name = application["key"], application["name"]
    title = key if name == key else f"{key} ({name})"
    echo(f"This deletes {title} with its sites, events, results and the roles of its users.")
    if ask_person("Type the key of the application to delete it") != key:
        raise ValueError("That is not the key of the application. Nothing was deleted.")


def _has_terminal() -> bool:
    return sys.stdin.isatty()
