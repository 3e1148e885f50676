"""Creates users and gives them roles, lists, disables and enables them."""

import sys

from email_validator import EmailNotValidError, validate_email

from okube_api.auth.invitations import requires_token
from okube_api.auth.passwords import require_strong_password
from okube_api.auth.repository import Role
from okube_api.cli.api import open_api
from okube_api.cli.requests import RemoteError, connect
from okube_api.cli.runtime import ask_person, echo, fail, open_services, require_store, run_command, write_json
from okube_api.cli.text_tables import build_label, open_output, print_columns
from okube_api.client.request_values import build_path
from okube_api.settings import Settings
from okube_api.store.values import Json


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
    """Create a user, or give an existing user a role in an application; with a server, invite the user."""
    if platform_admin == (application is not None):
        fail("Pass either --platform-admin, or --application KEY with --role.")
    if url is not None and application is None:
        fail(
            "A platform administrator cannot be created with --url. Stop the server, then run this command "
            "with its OKUBE_STORE_URL."
        )
    login = _normalize_email(email)
    if url is not None and application is not None:
        run_command(_invite_user(login, application, Role(role), password_stdin=password_stdin, url=url, token=token))
    else:
        run_command(_add_user(login, application, Role(role), password_stdin))


def _normalize_email(email: str) -> str:
    try:
        return str(validate_email(email, check_deliverability=False, test_environment=True).normalized)
    except EmailNotValidError as error:
        fail(f"'{email}' is not a valid e-mail address: {error}")


async def _invite_user(
    email: str, application: str, role: Role, *, password_stdin: bool, url: str, token: str | None
) -> None:
    """Invite a user through a server; with a password, create the user, for which the token is an administrator's."""
    body: Json = {"login": email, "role": role}
    async with connect(url, token) as requests:
        if password_stdin:
            body["password"] = _read_password(email, from_stdin=True)
        response = await requests.send("POST", build_path("applications", application, "users"), json=body)
    user: Json = response.json()
    invitation = user["token"]
    if password_stdin and user["status"] != "active":
        raise RemoteError(
            f"{email} is invited and sets the password. Token: {invitation or 'sent by mail'}. Only platform "
            "administrators may set the password."
        )
    if password_stdin:
        echo(f"Created {email} with the role {role} in {application}.")
    elif invitation is None:
        echo(f"Invited {email} by mail to the role {role} in {application}.")
    else:
        echo(f"Invited {email} to the role {role} in {application}. Give the user this token, valid for 72 hours:")
        sys.stdout.write(f"{invitation}\n")


async def _add_user(email: str, application: str | None, role: Role, password_stdin: bool) -> None:
    async with open_services(Settings()) as services:
        users = services.sessions.users
        document = await services.applications.get_by_name(application) if application else None
        if document and (user := await users.find_by_login(email)):
            if requires_token(user):
                raise ValueError(
                    f"The address of {email} was never verified: somebody else may have the password of this login. "
                    f"Invite the user over HTTP, or set a new password with `okube-api user password {email}` first."
                )
            await users.set_role(user, document["_id"], role)
            echo(f"{email} now has the role {role} in {document['key']}.")
            return
        password_hash = await services.passwords.hash(_read_password(email, password_stdin))
        roles = {document["_id"]: role} if document else {}
        await users.create(email, password_hash, platform_admin=document is None, roles=roles)
        position = f"with the role {role} in {document['key']}" if document else "as a platform administrator"
        echo(f"Created {email} {position}.")


def _read_password(email: str, from_stdin: bool) -> str:
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = ask_person("Password", hides_input=True, confirms=True)
    else:
        raise ValueError("There is no terminal to ask for the password. Pass it with --password-stdin.")
    require_strong_password(password, email)
    return password


def set_password(email: str, *, password_stdin: bool) -> None:
    """Set the password of a user, whose address is then verified, and end all tokens and API keys of the user."""
    run_command(_set_password(_normalize_email(email), password_stdin))


async def _set_password(email: str, password_stdin: bool) -> None:
    settings = Settings()
    require_store(settings, has_url=False)
    async with open_services(settings) as services:
        users = services.sessions.users
        if (user := await users.find_by_login(email)) is None:
            raise ValueError(f"There is no user {email}. Create one with `okube-api user add`.")
        password_hash = await services.passwords.hash(_read_password(email, password_stdin))
        await users.mark_verified(await users.set_password(user, password_hash))
        await services.sessions.keys.remove_all(user["_id"])
        echo(f"{email} has the new password.")


def list_users(application: str | None, *, as_json: bool, url: str | None, token: str | None) -> None:
    """Print all users with their roles, or the users and pending invitations of an application."""

    async def list_all() -> None:
        path = "/admin/users" if application is None else build_path("applications", application, "users")
        async with open_api(url, token) as requests:
            users = await requests.read_list(path)
        if as_json:
            write_json(users)
            return
        describe_roles = _describe_account if application is None else _describe_member
        columns = [
            build_label("LOGIN", [user["login"] for user in users]),
            build_label("NAME", [user["name"] for user in users]),
            build_label("STATUS", [_describe_status(user) for user in users]),
            build_label("ROLES" if application is None else "ROLE", [describe_roles(user) for user in users]),
        ]
        print_columns(open_output(), columns)

    run_command(list_all())


def _describe_status(user: Json) -> str:
    return "disabled" if user["disabled"] else str(user.get("status", "active"))


def _describe_member(user: Json) -> str:
    return str(user["role"])


def _describe_account(user: Json) -> str:
    roles = [
        f"{entry['key']}: {entry['role']}{' (disabled)' if entry['disabled'] else ''}" for entry in user["applications"]
    ]
    return ", ".join([*(["platform administrator"] if user["platformAdmin"] else []), *roles])


def set_disabled(email: str, *, disabled: bool, url: str | None, token: str | None) -> None:
    """Disable a user, or enable a disabled one again."""
    login = _normalize_email(email)

    async def change() -> None:
        async with open_api(url, token) as requests:
            await requests.send("PUT", build_path("admin", "users", login), json={"disabled": disabled})
        if disabled:
            echo(f"{login} cannot log in any more.")
        else:
            echo(f"{login} can log in again. API keys have to be created again.")

    run_command(change())
