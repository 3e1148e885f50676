"""The commands of users and of applications, with their options; see `commands.py`."""

from typing import Annotated, Literal

import typer

from okube_api.cli.commands import ApplicationName, Token, Url

Role = Literal["reader", "editor", "admin"]

Email = Annotated[str, typer.Argument(help="E-mail address, which is the login.")]
PasswordInput = Annotated[bool, typer.Option("--password-stdin", help="Read the password from the standard input.")]
JsonOutput = Annotated[bool, typer.Option("--json", help="Print JSON as the API answers it.")]

users = typer.Typer(help="Manage users.", no_args_is_help=True, rich_markup_mode=None)


@users.command("add")
def add_user(  # noqa: PLR0917 - options of a command line
    email: Email,
    platform_admin: Annotated[
        bool, typer.Option("--platform-admin", help="Allow everything in all applications.")
    ] = False,
    application: Annotated[
        str | None, typer.Option(help="Id or key of the application that --role applies to.")
    ] = None,
    role: Annotated[Role, typer.Option(help="Role of the user in the application.")] = "reader",
    password_stdin: PasswordInput = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Create a user, or give an existing user a role in an application.

    With --url, the user is invited: the command prints the token to accept the invitation with, unless the server sends
    it by mail. Platform administrators may set a password instead, with --password-stdin.

    The first user of a new store must be a platform administrator, who can then create applications over HTTP.
    """
    from okube_api.cli.user import add_user as run

    run(
        email,
        platform_admin=platform_admin,
        application=application,
        role=role,
        password_stdin=password_stdin,
        url=url,
        token=token,
    )


@users.command("password")
def set_user_password(
    email: Email,
    password_stdin: PasswordInput = False,
) -> None:
    """Set the password of a user, for an address that somebody else used or whose owner forgot the password.

    All tokens and API keys of the user become invalid. Stop a server on the embedded store first.
    """
    from okube_api.cli.user import set_password as run

    run(email, password_stdin=password_stdin)


@users.command("list")
def list_users(
    application: Annotated[
        str | None, typer.Option(help="Id or key of an application: list its users and pending invitations only.")
    ] = None,
    as_json: JsonOutput = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """List users with their roles.

    The list of all users needs the token of a platform administrator, that of an application one of its administrators.
    """
    from okube_api.cli.user import list_users as run

    run(application, as_json=as_json, url=url, token=token)


@users.command("disable")
def disable_user(email: Email, url: Url = None, token: Token = None) -> None:
    """Disable a login: it is refused, and all tokens and API keys of the user end at once.

    The roles stay. The last platform administrator who can log in cannot be disabled.
    """
    from okube_api.cli.user import set_disabled as run

    run(email, disabled=True, url=url, token=token)


@users.command("enable")
def enable_user(email: Email, url: Url = None, token: Token = None) -> None:
    """Let a disabled user log in again, with the same password and roles; API keys have to be created again."""
    from okube_api.cli.user import set_disabled as run

    run(email, disabled=False, url=url, token=token)


applications = typer.Typer(help="Manage applications.", no_args_is_help=True, rich_markup_mode=None)


@applications.command("add")
def add_application(  # noqa: PLR0917 - options of a command line
    key: Annotated[str, typer.Argument(help="Key of the application, which paths and files name it by.")],
    name: Annotated[str | None, typer.Option(help="Name to show; the key by default.")] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Time zone of the days of sites without their own; Europe/Paris by default.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="Currency of the amounts; EUR by default.")] = None,
    country: Annotated[
        str | None,
        typer.Option(
            help="Country, such as FR, whose public holidays count for sites with no country in their address."
        ),
    ] = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Create an application, and print its id.

    With --url, the token is that of a platform administrator.
    """
    from okube_api.cli.application import add_application as run

    fields = {"name": name, "timezone": timezone, "currency": currency, "country": country}
    run(key, fields, url=url, token=token)


@applications.command("list")
def list_applications(as_json: JsonOutput = False, url: Url = None, token: Token = None) -> None:
    """List the applications; with --url, those that the token may read."""
    from okube_api.cli.application import list_applications as run

    run(as_json=as_json, url=url, token=token)


@applications.command("delete")
def delete_application(
    application: ApplicationName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask to type the key; for scripts.")] = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Delete an application with all that belongs to it; there is no way back but a backup.

    Asks to type the key of the application. With --url, the token is that of a platform administrator, and the server
    removes the data in the background.
    """
    from okube_api.cli.application import delete_application as run

    run(application, is_confirmed=yes, url=url, token=token)
