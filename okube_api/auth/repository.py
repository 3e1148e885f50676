"""Users, revoked tokens and failed logins in the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self

from okube_api.errors import Taken
from okube_api.resources import Resources
from okube_api.store.base import Collection, Duplicate, Json, Kind, equal

USERS = Collection(
    "users",
    fields={
        "version": Kind.INTEGER,
        "login": Kind.TEXT,  # lower case
        "applications": Kind.TEXTS,  # those in which the user has a role
    },
    unique=(("login",),),
    search=("login", "name"),
)

REVOCATIONS = Collection("revocations", fields={"expiresAt": Kind.TEXT})  # `_id` is the token's

LOGIN_FAILURES = Collection("login_failures", fields={"account": Kind.TEXT, "at": Kind.TEXT})


class Role(StrEnum):
    """What a user may do in an application; each role may do what those before it may."""

    READER = "reader"
    EDITOR = "editor"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether whoever has this role may do what asks for the other."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


@dataclass(frozen=True, slots=True)
class User:
    """Who calls.

    roles: by application id; a platform administrator is admin everywhere.
    generation: of the credentials; tokens of an earlier one are no longer good.
    """

    id: str
    login: str
    name: str
    platform_admin: bool
    disabled: bool
    generation: int
    roles: Mapping[str, Role]

    @classmethod
    def of(cls, document: Json) -> Self:
        """From its document."""
        return cls(
            document["_id"],
            document["login"],
            document["name"],
            document["platformAdmin"],
            document["disabled"],
            document["generation"],
            MappingProxyType({entry["application"]: Role(entry["role"]) for entry in document["roles"]}),
        )

    def role_in(self, application: str) -> Role | None:
        """The role in an application, None for someone who may not even know that it exists."""
        return Role.ADMIN if self.platform_admin else self.roles.get(application)

    @property
    def applications(self) -> tuple[str, ...] | None:
        """The ids of the applications that the user may read; None is all of them."""
        return None if self.platform_admin else tuple(self.roles)


class Users(Resources):
    """Everybody who can log in."""

    collection = USERS
    kind = "user"
    names = "login"

    async def by_login(self, login: str) -> Json | None:
        """The user with this login, whatever its case."""
        return await self.store.get(USERS, equal("login", login.casefold()))

    async def create(
        self, login: str, password_hash: str, *, platform_admin: bool = False, roles: Mapping[str, Role] | None = None
    ) -> Json:
        """A new user; roles are by application id.  Raises Taken."""
        held: dict[str, Any] = {
            "login": login.casefold(),
            "name": login.partition("@")[0],
            "password": password_hash,
            "platformAdmin": platform_admin,
            "disabled": False,
            "generation": 1,
            **_held(roles or {}),
        }
        document = self.new("", held)
        del document["application"]
        try:
            await self.store.insert(USERS, [document])
        except Duplicate:
            raise Taken.at("body", "/login", f"There is a user '{login}' already.") from None
        return document

    async def set_password(self, user: Json, password_hash: str) -> Json:
        """The user with a new password; every token made before is no longer good."""

        async def edit(stored: Json) -> Json:
            return stored | {"password": password_hash, "generation": stored["generation"] + 1}

        return await self.change(user, edit)

    async def set_role(self, user: Json, application: str, role: Role) -> Json:
        """The user with this role in an application."""

        async def edit(stored: Json) -> Json:
            roles = {entry["application"]: Role(entry["role"]) for entry in stored["roles"]}
            return stored | _held(roles | {application: role})

        return await self.change(user, edit)


def _held(roles: Mapping[str, Role]) -> Json:
    """Roles as a document has them, and the list that finds an application's users."""
    entries = [{"application": application, "role": str(role)} for application, role in roles.items()]
    return {"roles": entries, "applications": list(roles)}
