"""What logging in, API keys and users take and give."""

from typing import Annotated, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field

from okube_api.auth.repository import Role
from okube_api.kit.list_query import PageQuery
from okube_api.kit.schemas import UNSET, Answer, Body, GivenInstant, Identifier, Instant, References, Text
from okube_api.store.conditions import EVERYTHING, Condition, Contains

_SECRET = {"format": "password"}
Password = Annotated[str, Field(min_length=1, max_length=128, json_schema_extra=_SECRET)]
NewPassword = Annotated[str, Field(min_length=12, max_length=128, json_schema_extra=_SECRET)]
Solution = Annotated[
    str,
    Field(min_length=1, max_length=4096, description="The solution of `GET /auth/captcha`, once an account is locked."),
]


def _email(text: str) -> str:
    try:
        validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise ValueError("This is no e-mail address.") from None
    return text


Email = Annotated[
    str,
    Field(min_length=3, max_length=254, examples=["jeanne@example.com"], json_schema_extra={"format": "email"}),
    AfterValidator(_email),
]


# -- logging in --------------------------------------------------------------------------------------------------


class Login(Body):
    """Credentials."""

    login: str = Field(min_length=1, max_length=254, description="An e-mail address.", examples=["demo@okube.example"])
    password: Password
    captcha: Solution = Field(UNSET, alias="captchaPayload")
    set_cookie: bool = Field(False, alias="setCookie", description="Set the token as a cookie, too: for browsers.")


class PasswordChange(Body):
    """One's own password, from the old to the new; every access token made before is no longer good."""

    current: Password
    new: NewPassword
    captcha: Solution = Field(UNSET, alias="captchaPayload")


class UserAnswer(Answer):
    """A user."""

    id: Identifier = Field(alias="_id")
    login: str = Field(examples=["demo@okube.example"])
    name: str = Field(examples=["demo"])


class RoleAnswer(Answer):
    """An application, and what one may do in it."""

    id: Identifier = Field(alias="_id")
    key: str = Field(examples=["demo"])
    role: Role


class Authentication(Answer):
    """The token to send with every request, and whom it stands for."""

    token: str = Field(examples=["eyJhbGciOiJIUzI1NiIs..."])
    type: Literal["Bearer"]
    expires_at: Instant = Field(alias="expiresAt")
    user: UserAnswer
    applications: list[RoleAnswer]


class LoginAnswer(Answer):
    """Authentication succeeded."""

    success: Literal[True]
    message: Literal["Authentication succeeded."]
    auth: Authentication


class Me(Answer):
    """Who the token is."""

    user: UserAnswer
    platform_admin: bool = Field(alias="platformAdmin", description="May do everything, everywhere.")
    expires_at: Instant | None = Field(alias="expiresAt", description="When the token ends; null for never.")
    applications: list[RoleAnswer]


class CaptchaAnswer(Answer):
    """A proof of work: find the number up to `maxnumber` that, after the salt, hashes to the challenge (ALTCHA)."""

    algorithm: Literal["SHA-256"]
    challenge: str
    maxnumber: int
    salt: str
    signature: str


# -- API keys ----------------------------------------------------------------------------------------------------


class KeyCreate(Body):
    """A new API key: it may do what its user may, less what is narrowed here."""

    name: Text = Field(max_length=250, examples=["nightly import"])
    applications: References = Field(UNSET, description="Only in these applications (ids or keys).")
    role: Role = Field(UNSET, strict=False, description="No more than this role.")
    expires_at: GivenInstant = Field(UNSET, alias="expiresAt", description="Never, when absent.")


class KeyAnswer(Answer):
    """An API key, without its token."""

    id: Identifier = Field(alias="_id")
    name: str
    applications: list[Identifier] | None = None
    role: Role | None = None
    expires_at: Instant | None = Field(None, alias="expiresAt")
    created_at: Instant = Field(alias="createdAt")


class NewKey(KeyAnswer):
    """An API key, and its token: keep it, it is never shown again."""

    token: str


# -- users of an application -------------------------------------------------------------------------------------


class UserQuery(PageQuery):
    """What a list of users can be narrowed by."""

    q: Text = Field(UNSET, description="A text in the login or name.")

    def to_condition(self) -> Condition:
        """The users wanted."""
        return Contains(self.q) if self.q else EVERYTHING


class MemberCreate(Body):
    """A user of the application."""

    login: Email
    password: NewPassword = Field(description="The first password; who can log in already keeps their own.")
    name: Text = Field(UNSET, max_length=250)
    role: Role = Field(strict=False)


class MemberUpdate(Body):
    """What may be changed of a user in the application."""

    role: Role = Field(UNSET, strict=False)
    disabled: bool = UNSET


class MemberAnswer(Answer):
    """A user, in the application."""

    id: Identifier = Field(alias="_id")
    login: str
    name: str
    role: Role
    disabled: bool = Field(description="Whether the role counts for nothing for now.")
