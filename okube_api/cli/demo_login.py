"""The demonstration: where it lives, who may log in, what is said when it is ready."""

import sys
from pathlib import Path

from okube_api.auth.passwords import hashed
from okube_api.auth.repository import Users
from okube_api.cli.demo_file import FILE
from okube_api.clock import utc_now
from okube_api.settings import Settings
from okube_api.store import EMBEDDED
from okube_api.store.base import Store

LOGIN = "demo@okube.example"
TIMEZONE = "Europe/Paris"
_SCREEN = """
  The demonstration is ready.

    address    {url}
    try it     {url}/docs   (Authorize, then Try it out)
    login      {login}
    password   {password}

  A first question:

    TOKEN=$(curl -s {url}/auth/login -d login={login} --data-urlencode 'password={password}' |
            python3 -c 'import json, sys; print(json.load(sys.stdin)["auth"]["token"])')
    curl -s '{url}/applications/{key}/studies/all/geo-marketing/analytics' \\
         -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
         -d '{{"params": [{{"kpi": "uniqUsers", "granularity": "week"}}]}}'

  Data lives in {folder}; Ctrl+C stops the server.

"""


def settings_in(folder: Path, file: str = FILE) -> Settings:
    """The settings of the environment, on an embedded store in a folder."""
    return Settings(store_url=f"{EMBEDDED}{folder / file}")


async def let_in(store: Store, folder: Path, password: str) -> None:
    """Makes a password that of the login.  Raises ValueError when the file holds something else."""
    users = Users(store, utc_now)
    if (user := await users.by_login(LOGIN)) is None:
        raise ValueError(
            f"{folder / FILE} holds data that is not the demonstration's: it stays as it is. "
            "Serve it with `okube-api serve`, or give the demonstration a --folder of its own."
        )
    await users.set_password(user, hashed(password))


def screen(url: str, password: str, folder: Path) -> None:
    """Prints where the demonstration is and how to log in."""
    sys.stdout.write(_SCREEN.format(url=url, login=LOGIN, password=password, key="maison-lumen", folder=folder))
    sys.stdout.flush()
