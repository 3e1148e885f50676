"""Every operation succeeds on the demo as Swagger UI prepares it from the examples."""

import io
from collections.abc import AsyncIterator
from datetime import date

import httpx
import pytest
from okube_api.store.values import Json
from PIL import Image

from tests.api.server import Server, run_server
from tests.api.swagger_requests import SwaggerRequest, prepare_requests
from tests.demo.small_demo import PASSWORD, fill_small_demo

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

UNTIL = date(2025, 1, 5)

EXCEPTIONS = {
    "accept_invitation_by_token": "the token is shown once, to the administrator who invites",
    "accept_invitation": "an invitation is for one login, and has a new id each time",
    "decline_invitation": "as above",
    "create_first_administrator": "the token is printed by `okube-api serve`, while there is no administrator",
    "create_application": "for platform administrators only, and the login of the demo is none",
    "delete_application": "as above",
    "create_backup": "as above",
    "list_accounts": "as above",
    "get_account": "as above",
    "update_account": "as above",
    "patch_account": "as above",
    "get_job": "a job has a new id each time, and expires after a day",
    "get_job_result": "as above",
    "delete_job": "as above",
    "get_metrics": "not served without `OKUBE_METRICS_TOKEN`",
}
"""Operations that cannot succeed on the demo as they are, and why."""

TABLES = {
    "sites": b"key,name,online\nimported,Imported shop,false\n",
    "pois": b"key,name,longitude,latitude\nimported,Imported place,4.85,45.75\n",
    "campaigns": b"key,name,from,to\nimported,Imported campaign,2024-03-01,2024-03-31\n",
    "studies": b"key,name,sites\nimported,Imported study,lyon\n",
}
"""Files that a user may choose for an import, by the kind of the resources."""

LAST = ("delete_", "revoke_key", "log_out", "change_password")
"""Beginnings of the names of operations that take something away that others need, in the order of their requests."""


@pytest.fixture(scope="module")
async def demo_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """Run the application on a small demo."""
    folder = tmp_path_factory.mktemp("demo")
    async with run_server("duckdb", f"duckdb:{folder / 'okube.duckdb'}") as server:
        await fill_small_demo(server.services, folder, UNTIL)
        server.app.state.demo_password = PASSWORD
        yield server


@pytest.fixture(scope="module")
async def document(demo_server: Server) -> Json:
    """Return the OpenAPI document that the demo serves."""
    async with demo_server.client() as client:
        body: Json = (await client.get("/openapi.json")).json()
        return body


def rank(request: SwaggerRequest) -> tuple[int, int]:
    """Return when a request is sent: last those that take something away, and of these the innermost resource first."""
    positions = [index for index, name in enumerate(LAST, 1) if request.operation.startswith(name)]
    return (positions[0], -len(request.path)) if positions else (0, 0)


def choose_files(request: SwaggerRequest) -> dict[str, bytes]:
    """Return files for the form of a request."""
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), "navy").save(picture, "PNG")
    tables = [table for kind, table in TABLES.items() if f"/{kind}" in request.path]
    return {"thumbnail": picture.getvalue(), "file": tables[0] if tables else b""}


async def undo_creation(client: httpx.AsyncClient, request: SwaggerRequest, answer: httpx.Response) -> None:
    """Delete what a request has created, since another operation has the same example."""
    kind = request.url.rpartition("/")[2]
    if answer.status_code == 201 and kind in {*TABLES, "levers", "equipments", "users", "views"}:
        assert (await client.delete(f"{request.url}/{answer.json()['_id']}")).status_code == 204


async def test_every_operation_has_examples(document: Json) -> None:
    missing = {request.name: request.missing for request in prepare_requests(document) if request.missing}
    invitations = {"accept_invitation", "accept_invitation_by_token", "decline_invitation"}
    assert set(missing) == {*invitations, "get_job", "get_job_result", "delete_job"}


async def test_every_operation_succeeds_as_it_is(demo_server: Server, document: Json) -> None:
    requests = sorted(prepare_requests(document), key=rank)
    (log_in,) = [request for request in requests if request.operation == "log_in"]
    refused: dict[str, tuple[str, str]] = {}
    async with demo_server.client() as client:
        for request in requests:
            if request.operation in EXCEPTIONS:
                continue
            if request.operation in {requests[0].operation, "change_password"}:  # a logout has ended the last session
                token = (await log_in.send(client, {})).json()["auth"]["token"]
                client.headers["Authorization"] = f"Bearer {token}"
            answer = await request.send(client, choose_files(request))
            if answer.is_success:
                await undo_creation(client, request, answer)
            else:
                refused[request.name] = (request.url, answer.text)
    assert refused == {}
