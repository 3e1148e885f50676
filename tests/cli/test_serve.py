"""The server process: how it stops."""

import signal

import uvicorn
from okube_api.app import create_app
from okube_api.cli.serve import AnnouncingServer
from okube_api.settings import Settings

from tests.api.server import SECRET


def test_requests_can_see_that_the_server_stops() -> None:
    app = create_app(Settings(store_url="duckdb::memory:", secret_key=SECRET))
    server = AnnouncingServer(uvicorn.Config(app))
    assert not app.state.stopping.is_set()
    server.handle_exit(signal.SIGTERM, None)
    assert app.state.stopping.is_set()
    assert server.should_exit
