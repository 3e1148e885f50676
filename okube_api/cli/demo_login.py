"""Settings and login of the demo, and the text that is printed once it is ready."""

import sys
from pathlib import Path

from okube_api.auth.passwords import hash_password
from okube_api.auth.repository import UserRepository
from okube_api.cli.demo_file import FILE
from okube_api.clock import utc_now
from okube_api.kit.demo_names import APPLICATION, LOGIN
from okube_api.settings import Settings
from okube_api.store import EMBEDDED_SCHEME
from okube_api.store.protocol import Store

TIMEZONE = "Europe/Paris"
_WELCOME = """
  The demo is ready.

    address    {url}
    try it     {url}/docs   (Execute POST /auth/login, then any other)
    login      {login}
    password   {password}

  A first question:

    TOKEN=$(curl -s {url}/auth/login -d login={login} --data-urlencode 'password={password}' |
            python3 -c 'import json, sys; print(json.load(sys.stdin)["auth"]["token"])')
    curl -s '{url}/applications/{key}/studies/all/geo-marketing/analytics' \\
         -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
         -d '{{"params": [{{"kpi": "uniqUsers", "granularity": "week"}}]}}'

  The data is in {folder}. Press Ctrl+C to stop the server.

"""


def demo_settings(folder: Path, file: str = FILE) -> Settings:
    """Return the settings of the environment with an embedded store in this folder."""
    return Settings(store_url=f"{EMBEDDED_SCHEME}{folder / file}")


async def set_login_password(store: Store, folder: Path, password: str) -> None:
    """Set the password of the demo login.  Raise ValueError when the file is not that of the demo."""
    users = UserRepository(store, utc_now)
    if (user := await users.find_by_login(LOGIN)) is None:
        raise ValueError(
            f"{folder / FILE} contains other data than the demo and was not changed. "
            "Serve it with `okube-api serve`, or choose another folder for the demo with --folder."
        )
    await users.set_password(user, hash_password(password))


def print_welcome(url: str, password: str, folder: Path) -> None:
    """Print the address of the demo, the login and a first request."""
    sys.stdout.write(_WELCOME.format(url=url, login=LOGIN, password=password, key=APPLICATION, folder=folder))
    sys.stdout.flush()
