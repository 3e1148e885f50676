"""Who may log in."""

import sys

import typer
from email_validator import EmailNotValidError, validate_email

from okube_api.auth.repository import Role
from okube_api.cli.runtime import fail, open_services, build_remote, console, told
from okube_api.cli.remote import RemoteServer
from okube_api.settings import Settings

LEAST_PASSWORD = 12


def add_user(
    email: str,
    *,
    platform_admin: bool,
    application: str | None,
    role: str,
    password_stdin: bool,
    url: str | None,
    token: str | None,
) -> None:
    """The command."""
    if platform_admin == (application is not None):
        fail("say either --platform-admin, or --application KEY with --role.")
    server = build_remote(url, token)
    if server is not None and application is None:
        fail("platform administrators are made on the machine of the store, while no server has it open.")
    told(_add_user)(_login(email), application, Role(role), password_stdin, server)


def _login(email: str) -> str:
    try:
        return str(validate_email(email, check_deliverability=False, test_environment=True).normalized)
    except EmailNotValidError as error:
        fail(f"'{email}' is no e-mail address: {error}")


async def _add_user(
    email: str, application: str | None, role: Role, password_stdin: bool, server: RemoteServer | None
) -> None:
    if server is not None and application is not None:
        await server.add_user(application, email, _password(password_stdin), role)
        console.print(f"{email} is {role} of {application}.", markup=False)
        return
    async with open_services(Settings()) as services:
        accounts = services.sessions.users
        place = await services.applications.get_by_name(application) if application else None
        if place and (known := await accounts.find_by_login(email)):
            await accounts.set_role(known, place["_id"], role)
            console.print(f"{email} is now {role} of {place['key']}.", markup=False)
            return
        kept = await services.passwords.hash(_password(password_stdin))
        roles = {place["_id"]: role} if place else {}
        await accounts.create(email, kept, platform_admin=place is None, roles=roles)
        what = f"{role} of {place['key']}" if place else "a platform administrator"
        console.print(f"{email} can log in: {what}.", markup=False)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    else:
        raise ValueError("there is no terminal to ask for the password on: pass it by --password-stdin.")
    if len(password) < LEAST_PASSWORD:
        raise ValueError(f"the password needs at least {LEAST_PASSWORD} characters.")
    return password
