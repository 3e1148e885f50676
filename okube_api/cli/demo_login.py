"""Settings and login of the demo, and the text that is printed once it is ready."""

import sys
from datetime import date
from pathlib import Path
from textwrap import indent

from okube_api.auth.passwords import hash_password
from okube_api.auth.repository import UserRepository
from okube_api.cli.demo_file import FILE
from okube_api.clock import utc_now
from okube_api.kit.demo_names import APPLICATION, LOGIN
from okube_api.settings import Settings
from okube_api.store import EMBEDDED_SCHEME
from okube_api.store.protocol import Store
from okube_api.store.values import Json

FIRST_QUESTION = """\
TOKEN=$(curl -s {url}/auth/login -d login={login} --data-urlencode 'password={password}' |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["auth"]["token"])')

curl -s '{url}/applications/{key}/studies/all/geo-marketing/analytics' \\
     -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
     -d '{{"params": [{{"kpi": "uniqUsers", "granularity": "week"}}]}}'
"""
"""The first question, which README.md has, too."""

FIRST_QUESTION_MEANING = """\
The answer has the estimated visitors of the last 30 days and of each week in them. The data is of a panel: each of its
members stands for many people (uplift). With ?uplift=false, the members themselves are counted.
"""

_WELCOME = """
  The demo is ready.

    explorer   {url}/
    login      {login}
    password   {password}
    manual     {url}/manual/
    docs       {url}/docs   (Execute POST /auth/login, then any other)

  A first question from a terminal:

{question}
{meaning}
  The data is in {folder}; events are until {last}. Press Ctrl+C to stop the server.

"""


def demo_settings(folder: Path, file: str = FILE) -> Settings:
    """Return the settings of the environment with an embedded store in this folder."""
    return Settings(store_url=f"{EMBEDDED_SCHEME}{folder / file}")


async def set_login_password(store: Store, folder: Path, password: str) -> None:
    """Set the password of the demo login.

    Raise ValueError when the file is not that of the demo, or one of an earlier version.
    """
    users = UserRepository(store, utc_now)
    if (user := await users.find_by_login(LOGIN)) is None:
        raise ValueError(
            f"{folder / FILE} contains other data than the demo and was not changed. "
            "Serve it with `okube-api serve`, or choose another folder for the demo with --folder."
        )
    if is_of_earlier_version(user):
        raise ValueError(
            f"{folder / FILE} has the demo of an earlier version, which cannot be continued. "
            f"Delete the folder {folder}, unless it also has data of yours, or choose another one with --folder."
        )
    await users.set_password(user, hash_password(password))


def is_of_earlier_version(user: Json) -> bool:
    """Return whether a user is the login of an earlier demo: it was a platform administrator."""
    return bool(user["login"] == LOGIN and user["platformAdmin"])


def print_welcome(url: str, password: str, folder: Path, last: date) -> None:
    """Print the address of the explorer, the login and a first request.

    last: the last day of the events in the folder.
    """
    question = FIRST_QUESTION.format(url=url, login=LOGIN, password=password, key=APPLICATION)
    sys.stdout.write(
        _WELCOME.format(
            url=url,
            login=LOGIN,
            password=password,
            question=indent(question, "    "),
            meaning=indent(FIRST_QUESTION_MEANING, "  "),
            folder=folder,
            last=last,
        )
    )
    sys.stdout.flush()
