"""Stores users and their roles; also declares the collection of the denylist."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self
from unicodedata import normalize

import idna

from okube_api.clock import stamp
from okube_api.errors import Impossible, RequestConflict, Taken
from okube_api.kit.repository import ATTEMPTS, Precondition, Repository
from okube_api.store.conditions import OneOf, equal
from okube_api.store.errors import Conflict, Duplicate
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json

USERS = Collection(
    "users",
    fields={
        "version": ColumnType.INTEGER,
        "login": ColumnType.TEXT,  # as `normalize_login` returns it
        "applications": ColumnType.TEXTS,  # those in which the user has a role
        "platformAdmin": ColumnType.BOOLEAN,
        "disabled": ColumnType.BOOLEAN,
    },
    unique=(("login",),),
    search=("login", "name"),
    has_revision=True,
)

DENYLIST = Collection("spent", fields={"expiresAt": ColumnType.TEXT}, has_revision=True)
"""Revoked tokens and used captchas by id, until they would have expired anyway; see `auth/denylist.py`."""


class LastAdministrator(Impossible):
    """422: no platform administrator who can log in would be left."""

    code = "last_administrator"


class Role(StrEnum):
    """What a user may do in an application; each role includes the earlier ones."""

    READER = "reader"
    EDITOR = "editor"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Return whether this role allows what the other one allows."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)

    def limit_to(self, limit: "Role | None") -> "Role":
        """Return the lesser of this role and the limit."""
        return self if limit is None or limit.includes(self) else limit


@dataclass(frozen=True, slots=True)
class User:
    """A user, as far as access depends on it.

    roles: by application id.
    global_role: the role in every application, admin for platform administrators.
    generation: of the credentials; tokens of an earlier generation are invalid.
    """

    id: str
    login: str
    name: str
    platform_admin: bool
    disabled: bool
    generation: int
    roles: Mapping[str, Role]
    global_role: Role | None = None

    @classmethod
    def from_document(cls, document: Json) -> Self:
        """Return the user of a document."""
        return cls(
            document["_id"],
            document["login"],
            document["name"],
            document["platformAdmin"],
            document["disabled"],
            document["generation"],
            MappingProxyType(
                {entry["application"]: Role(entry["role"]) for entry in document["roles"] if not entry["disabled"]}
            ),
            Role.ADMIN if document["platformAdmin"] else None,
        )

    def get_role(self, application: str) -> Role | None:
        """Return the role in an application; None for a user who must not learn that it exists."""
        return self.global_role or self.roles.get(application)

    @property
    def applications(self) -> tuple[str, ...] | None:
        """The ids of the applications that the user may read; None is all of them."""
        return None if self.global_role else tuple(self.roles)

    def restrict(self, applications: Sequence[str] | None, max_role: Role | None) -> "User":
        """Return the user with access to these applications only, and at most this role: what an API key allows."""
        if applications is None and max_role is None:
            return self
        allowed = tuple(self.roles) if applications is None else applications
        own_roles = {application: self.get_role(application) for application in allowed}
        roles = {application: role.limit_to(max_role) for application, role in own_roles.items() if role is not None}
        global_role = self.global_role.limit_to(max_role) if self.global_role and applications is None else None
        return replace(self, platform_admin=False, roles=MappingProxyType(roles), global_role=global_role)


class UserRepository(Repository):
    """Stores all users."""

    collection = USERS
    kind = "user"
    key_field = "login"

    async def find_by_login(self, login: str) -> Json | None:
        """Return the user with this login, however it is written; None when there is none."""
        forms = dict.fromkeys((normalize_login(login), fold_login(login)))  # earlier versions stored the second one
        for form in forms:
            if (user := await self.store.get(USERS, equal("login", form))) is not None:
                return user
        return None

    async def find_names(self, ids: Iterable[str]) -> dict[str, str]:
        """Return the names of the users with these ids; ids of no user are left out."""
        users = await self.store.find(USERS, OneOf("_id", tuple(ids)))
        return {user["_id"]: user["name"] for user in users}

    async def create(
        self,
        login: str,
        password_hash: str,
        *,
        name: str | None = None,
        platform_admin: bool = False,
        roles: Mapping[str, Role] | None = None,
        verified: bool = True,
    ) -> Json:
        """Insert a new user with roles by application id, and return it.  Raise Taken.

        When an earlier attempt of the same request has created the user, return that one.
        verified: whether the login is known to belong to the owner of the address; see `auth/invitations.py`.
        """
        if (created := await self.find_created()) is not None:
            return created
        fields: dict[str, Any] = {
            "login": normalize_login(login),
            "name": name or login.partition("@")[0],
            "password": password_hash,
            "platformAdmin": platform_admin,
            "disabled": False,
            "generation": 1,
            "verified": verified,
            **_role_fields([_build_entry(application, role, False) for application, role in (roles or {}).items()]),
        }
        document = self.build_document("", fields)
        del document["application"]
        try:
            await self.store.insert(USERS, [document])
        except Duplicate:
            raise Taken.at("body", "/login", f"Another user has the login '{login}'.") from None
        return document

    async def set_password(self, user: Json, password_hash: str) -> Json:
        """Set the password of a user and return it; earlier tokens become invalid."""

        async def edit(stored: Json) -> Json:
            return stored | {"password": password_hash, "generation": stored["generation"] + 1}

        return await self.change(user, edit)

    async def mark_verified(self, user: Json) -> Json:
        """Mark the login of a user as verified, and return the user."""

        async def edit(stored: Json) -> Json:
            return stored | {"verified": True}

        return await self.change(user, edit)

    async def set_disabled(self, user: Json, *, disabled: bool, precondition: Precondition | None = None) -> Json:
        """Disable the login of a user or enable it again, and return the user; earlier tokens become invalid.

        A platform administrator is disabled in one write with a new version of another one, who therefore cannot be
        disabled at the same time.  Raise LastAdministrator, PreconditionFailed and RequestConflict.
        """
        for _ in range(ATTEMPTS):
            self.check_precondition(user, precondition)
            if user["disabled"] == disabled:
                return user
            changed = self._build_version(user, {"disabled": disabled, "generation": user["generation"] + 1})
            replaces = [changed]
            if disabled and user["platformAdmin"]:
                replaces.append(self._build_version(await self._get_other_administrator(user), {}))
            try:
                await self.store.write(USERS, (), replaces, versioned=True)
            except Conflict:
                user = await self.get_by_id(user["_id"])
            else:
                return changed
        raise RequestConflict("Other requests are changing this user at the same time. Try again.")

    async def _get_other_administrator(self, user: Json) -> Json:
        """Return another platform administrator who can log in.  Raise LastAdministrator."""
        able = equal("platformAdmin", True) & equal("disabled", False) & ~equal("_id", user["_id"])
        other = await self.store.get(USERS, able)
        if other is None:
            message = (
                f"'{user['login']}' is the last platform administrator who can log in. Create or enable another one "
                "first."
            )
            raise LastAdministrator.at("body", "/disabled", message)
        return other

    def _build_version(self, user: Json, fields: Json) -> Json:
        return user | fields | {"version": user["version"] + 1, "updatedAt": stamp(self.clock())}

    async def set_role(
        self,
        user: Json,
        application: str,
        role: Role,
        *,
        disabled: bool = False,
        precondition: Precondition | None = None,
    ) -> Json:
        """Set the role of a user in an application and return the user; a disabled role allows nothing."""

        async def edit(stored: Json) -> Json:
            entry = _build_entry(application, role, disabled)
            if find_role_entry(stored, application) is None:
                return stored | _role_fields([*stored["roles"], entry])
            return stored | _role_fields(
                [entry if other["application"] == application else other for other in stored["roles"]]
            )

        return await self.change(user, edit, precondition)

    async def drop_role(self, user: Json, application: str, precondition: Precondition | None = None) -> Json:
        """Remove the role of a user in an application and return the user."""

        async def edit(stored: Json) -> Json:
            return stored | _role_fields(_list_other_entries(stored, application))

        return await self.change(user, edit, precondition)


def normalize_login(login: str) -> str:
    """Return the form of a login in which it is stored, compared and written to by mail.

    Case, the form of characters (NFKC) and that of the domain (`xn--...` or Unicode) do not matter.  Mail must never go
    to another form: its mailbox may belong to somebody else, who would then own the login.
    """
    name, at, domain = fold_login(login).rpartition("@")
    return name + at + ".".join(map(_decode_label, domain.replace("\u3002", ".").split(".")))


def fold_login(login: str) -> str:
    """Return a login without differences of case and of the form of characters."""
    return normalize("NFKC", normalize("NFKC", login).casefold())


def _decode_label(label: str) -> str:
    """Return a part of a domain in Unicode; as it is when it cannot be decoded, or would then name another domain.

    Unicode that folds to other letters is another domain, such as that of `\u00df`, which folds to `ss`.
    """
    if not label.startswith("xn--"):
        return label
    try:
        decoded = idna.decode(label)
    except idna.IDNAError:
        return label
    return decoded if fold_login(decoded) == decoded else label


def find_role_entry(user: Json, application: str) -> Json | None:
    """Return a user's entry for an application, with `role` and `disabled`; None when there is none."""
    return next((entry for entry in user["roles"] if entry["application"] == application), None)


def _build_entry(application: str, role: Role, disabled: bool) -> Json:
    return {"application": application, "role": str(role), "disabled": disabled}


def _list_other_entries(user: Json, application: str) -> list[Json]:
    return [entry for entry in user["roles"] if entry["application"] != application]


def _role_fields(entries: list[Json]) -> Json:
    """Return the fields of a user's document: the roles, and their applications for conditions."""
    return {"roles": entries, "applications": [entry["application"] for entry in entries]}
