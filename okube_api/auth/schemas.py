"""What logging in takes and gives."""

from typing import Annotated, Literal

from pydantic import Field

from okube_api.auth.repository import Role
from okube_api.fields import Answer, Body, Identifier, Instant

Password = Annotated[str, Field(min_length=1, max_length=128, json_schema_extra={"format": "password"})]
NewPassword = Annotated[str, Field(min_length=12, max_length=128, json_schema_extra={"format": "password"})]


class Login(Body):
    """Credentials."""

    login: str = Field(min_length=1, max_length=254, description="An e-mail address.", examples=["demo@okube.example"])
    password: Password


class PasswordChange(Body):
    """One's own password, from the old to the new; every token made before is no longer good."""

    current: Password
    new: NewPassword


class UserAnswer(Answer):
    """A user."""

    id: Identifier = Field(alias="_id")
    login: str
    name: str


class RoleAnswer(Answer):
    """An application, and what one may do in it."""

    id: Identifier = Field(alias="_id")
    key: str
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
    platform_admin: bool = Field(alias="platformAdmin")
    expires_at: Instant = Field(alias="expiresAt")
    applications: list[RoleAnswer]
