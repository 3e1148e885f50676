"""Users, what is spent (tokens, captchas) and failed logins in the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self

from okube_api.errors import Taken
from okube_api.kit.repository import Precondition, Repository
from okube_api.store.conditions import equal
from okube_api.store.errors import Duplicate
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json

USERS = Collection(
    "users",
    fields={
        "version": ColumnType.INTEGER,
        "login": ColumnType.TEXT,  # lower case
        "applications": ColumnType.TEXTS,  # those in which the user has a role
    },
    unique=(("login",),),
    search=("login", "name"),
)

DENYLIST = Collection("spent", fields={"expiresAt": ColumnType.TEXT})
"""What was good once: revoked tokens and solved captchas, by id, until they would have expired anyway."""

LOGIN_FAILURES = Collection("login_failures", fields={"account": ColumnType.TEXT, "at": ColumnType.TEXT})


class Role(StrEnum):
    """What a user may do in an application; each role may do what those before it may."""

    READER = "reader"
    EDITOR = "editor"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether whoever has this role may do what asks for the other."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)

    def limit_to(self, limit: "Role | None") -> "Role":
        """This role, or the limit where that is less."""
        return self if limit is None or limit.includes(self) else limit


@dataclass(frozen=True, slots=True)
class User:
    """Who calls.

    roles: by application id.
    everywhere: the role in every application: a platform administrator's is admin.
    generation: of the credentials; tokens of an earlier one are no longer good.
    """

    id: str
    login: str
    name: str
    platform_admin: bool
    disabled: bool
    generation: int
    roles: Mapping[str, Role]
    everywhere: Role | None = None

    @classmethod
    def from_document(cls, document: Json) -> Self:
        """From its document."""
        return cls(
            document["_id"],
            document["login"],
            document["name"],
            document["platformAdmin"],
            document["disabled"],
            document["generation"],
            MappingProxyType(
                {one["application"]: Role(one["role"]) for one in document["roles"] if not one["disabled"]}
            ),
            Role.ADMIN if document["platformAdmin"] else None,
        )

    def get_role(self, application: str) -> Role | None:
        """The role in an application, None for someone who may not even know that it exists."""
        return self.everywhere or self.roles.get(application)

    @property
    def applications(self) -> tuple[str, ...] | None:
        """The ids of the applications that the user may read; None is all of them."""
        return None if self.everywhere else tuple(self.roles)

    def restrict(self, applications: Sequence[str] | None, most: Role | None) -> "User":
        """The user as an API key lets them act: in these applications only, with no more than that role."""
        if applications is None and most is None:
            return self
        where = tuple(self.roles) if applications is None else applications
        held = {application: self.get_role(application) for application in where}
        roles = {application: role.limit_to(most) for application, role in held.items() if role is not None}
        everywhere = self.everywhere.limit_to(most) if self.everywhere and applications is None else None
        return replace(self, platform_admin=False, roles=MappingProxyType(roles), everywhere=everywhere)


class UserRepository(Repository):
    """Everybody who can log in."""

    collection = USERS
    kind = "user"
    key_field = "login"

    async def find_by_login(self, login: str) -> Json | None:
        """The user with this login, whatever its case."""
        return await self.store.get(USERS, equal("login", login.casefold()))

    async def create(
        self,
        login: str,
        password_hash: str,
        *,
        name: str | None = None,
        platform_admin: bool = False,
        roles: Mapping[str, Role] | None = None,
    ) -> Json:
        """A new user; roles are by application id.  Raises Taken."""
        held: dict[str, Any] = {
            "login": login.casefold(),
            "name": name or login.partition("@")[0],
            "password": password_hash,
            "platformAdmin": platform_admin,
            "disabled": False,
            "generation": 1,
            **_held([_entry(application, role, False) for application, role in (roles or {}).items()]),
        }
        document = self.build_document("", held)
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

    async def set_role(
        self,
        user: Json,
        application: str,
        role: Role,
        *,
        disabled: bool = False,
        precondition: Precondition | None = None,
    ) -> Json:
        """The user with this role in an application; a disabled one is kept, and counts for nothing."""

        async def edit(stored: Json) -> Json:
            return stored | _held([*_elsewhere(stored, application), _entry(application, role, disabled)])

        return await self.change(user, edit, precondition)

    async def drop_role(self, user: Json, application: str, precondition: Precondition | None = None) -> Json:
        """The user without a role in an application."""

        async def edit(stored: Json) -> Json:
            return stored | _held(_elsewhere(stored, application))

        return await self.change(user, edit, precondition)


def find_role_entry(user: Json, application: str) -> Json | None:
    """A user's entry for an application: `role` and `disabled`."""
    return next((entry for entry in user["roles"] if entry["application"] == application), None)


def _entry(application: str, role: Role, disabled: bool) -> Json:
    return {"application": application, "role": str(role), "disabled": disabled}


def _elsewhere(user: Json, application: str) -> list[Json]:
    return [entry for entry in user["roles"] if entry["application"] != application]


def _held(entries: list[Json]) -> Json:
    """Roles as a document has them, and the list that finds an application's users."""
    return {"roles": entries, "applications": [entry["application"] for entry in entries]}
