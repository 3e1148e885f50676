"""Request and answer models of logins, API keys and users."""

from typing import Annotated, ClassVar, Literal
from unicodedata import normalize

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, Field

from okube_api.auth.repository import Role, fold_login
from okube_api.kit.list_query import PageQuery
from okube_api.kit.schemas import (
    UNSET,
    Answer,
    Body,
    GivenInstant,
    Identifier,
    Instant,
    Key,
    References,
    Text,
    Timezone,
    UpdateBody,
)
from okube_api.store.conditions import EVERYTHING, Condition, Contains

_SECRET = {"format": "password"}
Password = Annotated[str, Field(min_length=1, max_length=128, json_schema_extra=_SECRET)]
NewPassword = Annotated[str, Field(min_length=12, max_length=128, json_schema_extra=_SECRET)]
Solution = Annotated[
    str,
    Field(
        min_length=1,
        max_length=4096,
        description="The solution of the captcha of `GET /auth/captcha`; required when the account is locked.",
    ),
]


def _check_email(text: str) -> str:
    try:
        validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise ValueError("This is not a valid e-mail address.") from None
    # Other forms of characters would be stored as another address, such as `\u00df` as `ss`.
    if fold_login(text) != normalize("NFC", text).lower():
        raise ValueError("Write the address with plain letters: without '\u00df', ligatures and wide characters.")
    return text


Email = Annotated[
    str,
    Field(min_length=3, max_length=254, examples=["jeanne@example.com"], json_schema_extra={"format": "email"}),
    AfterValidator(_check_email),
]


# -- logging in --------------------------------------------------------------------------------------------------


def _drop_blank(value: object) -> object:
    return None if value == "" else value


OptionalSolution = Annotated[Solution | None, BeforeValidator(_drop_blank)]
"""A solution; null and an empty text mean none."""


class Login(Body):
    """The credentials of a user."""

    login: str = Field(min_length=1, max_length=254, description="An e-mail address.", examples=["demo@okube.example"])
    password: Password
    captcha: OptionalSolution = Field(None, alias="captchaPayload")
    set_cookie: bool = Field(False, alias="setCookie", description="Also set the token as a cookie, for browsers.")


class PasswordChange(Body):
    """A change of the caller's own password; earlier access tokens become invalid."""

    current: Password
    new: NewPassword
    captcha: OptionalSolution = Field(None, alias="captchaPayload")


class UserAnswer(Answer):
    """A user."""

    id: Identifier = Field(alias="_id")
    login: str = Field(examples=["demo@okube.example"])
    name: str = Field(examples=["demo"])


class RoleAnswer(Answer):
    """An application, and the role of the user in it."""

    id: Identifier = Field(alias="_id")
    key: str = Field(examples=["demo"])
    role: Role


class NamedRoleAnswer(RoleAnswer):
    """An application with its name, and the role of the user in it."""

    name: str = Field(examples=["Demonstration"])


class Authentication(Answer):
    """The token to send with every request, and the user it identifies."""

    token: str = Field(examples=["eyJhbGciOiJIUzI1NiIs..."])
    type: Literal["Bearer"]
    expires_at: Instant = Field(alias="expiresAt")
    user: UserAnswer
    applications: list[RoleAnswer]


class LoginAnswer(Answer):
    """Authentication succeeded."""

    success: bool = Field(examples=[True])
    message: Literal["Authentication succeeded."]
    auth: Authentication


class FirstApplication(Body):
    """An application to create together with the first administrator."""

    key: Key
    name: Text = Field(UNSET, max_length=250, examples=["My shops"])
    timezone: Timezone = UNSET


class Setup(Body):
    """The first platform administrator."""

    token: str = Field(min_length=1, max_length=250, description="The token in the link that the server printed.")
    login: Email
    password: Password = Field(description="At least 12 characters that are hard to guess.")
    name: Text = Field(UNSET, max_length=250)
    application: FirstApplication = Field(UNSET, description="Also create this application.")


class InvitationToken(Body):
    """The token of an invitation."""

    token: str = Field(
        UNSET, min_length=1, max_length=250, description="Required unless the address of the login is verified."
    )


class InvitationAcceptance(Body):
    """The token of an invitation, and a password: a new one for a new login, else the password of the login."""

    token: str = Field(min_length=1, max_length=250, description="The token that the administrator or the mail gave.")
    password: Password = Field(description="A new login needs at least 12 characters that are hard to guess.")
    name: Text = Field(UNSET, max_length=250, description="Name of the new user; ignored for an existing login.")
    captcha: OptionalSolution = Field(None, alias="captchaPayload")


class InvitingApplication(Answer):
    """The application that an invitation is for."""

    id: Identifier = Field(alias="_id")
    key: str
    name: str


class SetupAnswer(Answer):
    """The administrator was created, and the application if one was sent.  Log in with the password."""

    user: UserAnswer
    application: InvitingApplication | None


class InvitationAnswer(Answer):
    """A role in an application that the user may accept."""

    id: Identifier = Field(alias="_id")
    application: InvitingApplication
    role: Role
    expires_at: Instant = Field(alias="expiresAt", description="When the invitation can no longer be accepted.")
    token_required: bool = Field(
        alias="tokenRequired", description="Whether the invitation can only be accepted with its token."
    )


class Me(Answer):
    """The user whom the token identifies."""

    user: UserAnswer
    platform_admin: bool = Field(
        alias="platformAdmin", description="Whether the user may do everything in all applications."
    )
    is_api_key: bool = Field(
        alias="isApiKey",
        description="Whether the token is an API key, which cannot log out, change the password or create keys.",
    )
    expires_at: Instant | None = Field(alias="expiresAt", description="When the token expires; null for never.")
    applications: list[NamedRoleAnswer]
    failed_logins: int = Field(
        alias="failedLogins", description="Failed logins to the account since the last login from a new address."
    )
    logins_paused_until: Instant | None = Field(
        alias="loginsPausedUntil",
        description="Until when logins from addresses without an earlier login are refused, after many failed ones.",
    )
    invitations: list[InvitationAnswer] = Field(
        description="Invitations of other applications to accept or decline; empty for API keys."
    )


class CaptchaParameters(Answer):
    """The parameters of a challenge."""

    algorithm: Literal["SHA-256"]
    cost: int = Field(description="Number of hashes for each counter: 1.")
    key_length: int = Field(alias="keyLength", description="Length of the hash, in bytes.")
    key_prefix: str = Field(alias="keyPrefix", description="Start of the hash to find, as hex digits.")
    nonce: str = Field(description="Bytes between the salt and the counter, as hex digits.")
    salt: str = Field(description="Bytes before the nonce, as hex digits.")
    expires_at: int = Field(alias="expiresAt", description="When the challenge expires, in epoch seconds.")
    data: dict[str, int] = Field(description="`level`, and `maxCounter`: the counter to find is not greater.")


class CaptchaAnswer(Answer):
    """A proof of work (ALTCHA 2): find the counter for which the hash of salt, nonce and counter has the prefix."""

    parameters: CaptchaParameters
    signature: str


# -- API keys ----------------------------------------------------------------------------------------------------


class KeyCreate(Body):
    """A new API key: it allows what its user may do, restricted by these fields."""

    name: Text = Field(max_length=250, examples=["nightly import"])
    applications: References = Field(UNSET, description="Allow only these applications (ids or keys).")
    role: Role = Field(UNSET, strict=False, description="Allow at most this role.")
    expires_at: GivenInstant = Field(UNSET, alias="expiresAt", description="When the key expires; never when absent.")
    survives_password_change: bool = Field(
        False,
        alias="survivesPasswordChange",
        description="Whether the key stays valid when its user changes the password.",
    )


class KeyAnswer(Answer):
    """An API key, without its token."""

    id: Identifier = Field(alias="_id")
    name: str
    applications: list[Identifier] | None = None
    role: Role | None = None
    expires_at: Instant | None = Field(None, alias="expiresAt")
    survives_password_change: bool = Field(True, alias="survivesPasswordChange")
    created_at: Instant = Field(alias="createdAt")


class NewKey(KeyAnswer):
    """An API key with its token.  The token is not shown again: store it."""

    token: str


# -- users of an application -------------------------------------------------------------------------------------


class UserQuery(PageQuery):
    """The filters of a list of users."""

    q: Text = Field(UNSET, description="A text to search for in logins and names.")

    def to_condition(self) -> Condition:
        """Return the condition that a user is in the list."""
        return Contains(self.q) if self.q else EVERYTHING


class MemberCreate(Body):
    """A user to invite to the application."""

    login: Email
    password: NewPassword = Field(
        UNSET,
        description="For platform administrators only: create the login with this password, without an invitation. Of "
        "others it is ignored, and the header `X-Okube-Ignored` names it: users set their passwords themselves.",
    )
    name: Text = Field(UNSET, max_length=250)
    role: Role = Field(strict=False)


class MemberUpdate(UpdateBody):
    """The fields of a user of the application to change."""

    read_only: ClassVar[frozenset[str]] = frozenset({"_id", "login", "name", "status", "expiresAt", "token"})

    role: Role = Field(UNSET, strict=False)
    disabled: bool = UNSET


class MemberAnswer(Answer):
    """A user of the application, or an invitation that is pending."""

    id: Identifier = Field(
        alias="_id", description="Id of the user; of a pending invitation its own id, which ends with it."
    )
    login: str
    name: str
    role: Role
    disabled: bool = Field(description="Whether the role is suspended: a disabled role allows nothing.")
    status: Literal["active", "pending"] = Field(
        "active", description="`pending`: the invitation was not accepted yet, the role allows nothing."
    )
    expires_at: Instant | None = Field(
        None, alias="expiresAt", description="When a pending invitation can no longer be accepted."
    )
    token: str | None = Field(
        None,
        description="Token of a new invitation, for `POST /auth/invitations/accept`: give it to the user. It is shown "
        "once, and null when it was sent by mail.",
    )


# -- users of the platform ---------------------------------------------------------------------------------------


class AccountRole(RoleAnswer):
    """The role of a user in an application."""

    disabled: bool = Field(description="Whether the role is suspended: a disabled role allows nothing.")


class AccountAnswer(UserAnswer):
    """A user of the platform, with the roles in all applications."""

    platform_admin: bool = Field(
        alias="platformAdmin", description="Whether the user may do everything in all applications."
    )
    disabled: bool = Field(description="Whether the user cannot log in.")
    applications: list[AccountRole]
    created_at: Instant = Field(alias="createdAt")
    updated_at: Instant = Field(alias="updatedAt")


class AccountUpdate(UpdateBody):
    """The fields of a user of the platform to change."""

    read_only: ClassVar[frozenset[str]] = frozenset(
        {"_id", "login", "name", "platformAdmin", "applications", "createdAt", "updatedAt"}
    )

    disabled: bool = Field(
        UNSET,
        description="`true` ends the login, all tokens and all API keys of the user at once; the roles stay. `false` "
        "gives the login back, without the API keys.",
    )
