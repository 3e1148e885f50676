"""Dependencies of routes that authorise a request: the user, the application, the study or site, and the role in it.

`CanRead`, `CanEdit` and `CanAdmin` are for paths under an application, `SiteToRead` for the paths of a site and below.
An application or resource in which the user has no role is answered with 404, like one that does not exist.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query
from starlette.requests import Request

from okube_api.api.container import Services, ServicesDep
from okube_api.auth.repository import Role, User
from okube_api.auth.sessions import Identity
from okube_api.errors import AmbiguousKey, BadRequest, Fault, Forbidden, NotFound
from okube_api.http.ignored_names import note_ignored
from okube_api.kit.application import Application
from okube_api.kit.json_text import escape_pointer, read_json
from okube_api.kit.repository import Repository, match_keys
from okube_api.kit.schemas import UNSET
from okube_api.store.conditions import EVERYTHING, Condition, OneOf
from okube_api.store.values import Json


@dataclass(frozen=True, slots=True)
class Access:
    """A user in an application, with at least the role that the route requires."""

    user: User
    role: Role
    application: Application


@dataclass(frozen=True, slots=True)
class SiteAccess(Access):
    """Access to one of the application's sites; `site` is its document."""

    site: Json


_required: ContextVar[list[tuple[str, Role]] | None] = ContextVar("required", default=None)
_PLATFORM = "*"  # in place of an application: the platform administrator is required
_LOGIN = "login"  # in place of an application: an access token is required, not an API key


class RequiredRoles:
    """The roles, by application id, that the current request needs; recorded while it is carried out."""

    def __init__(self, services: Services, identity: Identity) -> None:
        self._services = services
        self._identity = identity
        self._user = identity.user
        self._roles: list[tuple[str, Role]] = []

    @contextmanager
    def record(self) -> Iterator[None]:
        """Record the roles that are required within this context."""
        token = _required.set(self._roles)
        try:
            yield
        finally:
            _required.reset(token)

    def dump(self) -> list[list[str]]:
        """Return the recorded roles as JSON."""
        return [[application, str(role)] for application, role in dict.fromkeys(self._roles)]

    async def require(self, entries: list[list[str]]) -> None:
        """Require the roles that an earlier request recorded.  Raise NotFound or Forbidden."""
        for application, role in entries:
            if application == _PLATFORM:
                _require_platform_admin(self._user)
                continue
            if application == _LOGIN:
                _require_login(self._identity)
                continue
            await load_access(self._services, self._user, application, Role(role))


def get_identity(request: Request) -> Identity:
    """Return the authenticated user and token of a request; `ApiRoute` has set them."""
    identity: Identity = request.state.identity
    return identity


async def provide_identity(request: Request) -> Identity:
    """Return the identity, as a dependency."""
    return get_identity(request)


IdentityDep = Annotated[Identity, Depends(provide_identity)]


# -- under an application ------------------------------------------------------------------------------------

ApplicationInPath = Annotated[str, Path(description="Id or key of the application.")]


async def load_access(services: Services, user: User, id_or_key: str, minimum: Role) -> Access:
    """Return the user's access to an application.

    Raise NotFound without any role there, Forbidden with a role below `minimum`.
    """
    application = await services.applications.load(id_or_key)
    role = user.get_role(application.id)
    if role is None:
        raise NotFound("application", id_or_key)
    return Access(user, require_role(role, minimum, application.id), application)


def record_requirement(application: str, minimum: Role) -> None:
    """Note the access that this request needs, which is checked again for late bodies and repetitions."""
    recorded = _required.get()
    if recorded is not None:
        recorded.append((application, minimum))


def require_role(role: Role, minimum: Role, application: str) -> Role:
    """Return the role in an application (an id) if it includes `minimum`.  Raise Forbidden otherwise."""
    record_requirement(application, minimum)
    if not role.includes(minimum):
        raise Forbidden(f"This requires the role '{minimum}' in the application. Your role is '{role}'.")
    return role


def _require_in_app(minimum: Role) -> Callable[..., Awaitable[Access]]:
    async def load(application: ApplicationInPath, identity: IdentityDep, services: ServicesDep) -> Access:
        return await load_access(services, identity.user, application, minimum)

    return load


CanRead = Annotated[Access, Depends(_require_in_app(Role.READER))]
CanEdit = Annotated[Access, Depends(_require_in_app(Role.EDITOR))]
CanAdmin = Annotated[Access, Depends(_require_in_app(Role.ADMIN))]


async def require_platform_admin(identity: IdentityDep) -> User:
    """Return the user if they are a platform administrator.  Raise Forbidden otherwise."""
    record_requirement(_PLATFORM, Role.ADMIN)
    return _require_platform_admin(identity.user)


def _require_platform_admin(user: User) -> User:
    if not user.platform_admin:
        raise Forbidden("Only platform administrators may do this.")
    return user


PlatformAdmin = Annotated[User, Depends(require_platform_admin)]


async def load_access_to_delete(application: ApplicationInPath, identity: IdentityDep, services: ServicesDep) -> Access:
    """Return the access of a platform administrator to an application.

    Raise NotFound for a user without any role there, Forbidden for any other.
    """
    access = await load_access(services, identity.user, application, Role.READER)
    await require_platform_admin(identity)
    return access


CanDelete = Annotated[Access, Depends(load_access_to_delete)]


async def require_login(identity: IdentityDep) -> Identity:
    """Return the identity of a user who has logged in.  Raise Forbidden for an API key."""
    record_requirement(_LOGIN, Role.READER)
    return _require_login(identity)


def _require_login(identity: Identity) -> Identity:
    if identity.token.secret is not None:
        raise Forbidden("An API key cannot do this. Log in and use an access token.")
    return identity


LoggedIn = Annotated[Identity, Depends(require_login)]


# -- one resource, directly or under its application -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ResourceAccess(Access):
    """Access to the application of a resource; `document` is the resource that the path names."""

    document: Json


async def load_in_app(
    request: Request,
    services: Services,
    resources: Repository,
    id_or_key: str,
    minimum: Role,
    *,
    accept_keys: bool = False,
) -> ResourceAccess:
    """Return the access to the resource that a path names.

    If the path also names the application, look the resource up in it by id or key; otherwise by id.
    accept_keys: without an application in the path, also accept a key that one readable application has.
    Raise NotFound, Forbidden or AmbiguousKey.
    """
    user = get_identity(request).user
    if application_in_path := request.path_params.get("application"):
        access = await load_access(services, user, application_in_path, minimum)
        document = await resources.get(access.application.id, id_or_key)
        return ResourceAccess(user, access.role, access.application, document)
    try:
        return await load_by_id(services, user, resources, id_or_key, minimum)
    except NotFound:
        if not accept_keys:
            raise
    return await load_by_key(services, user, resources, id_or_key, minimum)


async def load_by_id(
    services: Services, user: User, resources: Repository, identifier: str, minimum: Role
) -> ResourceAccess:
    """Return the access to the resource with an id, in any application.  Raise NotFound or Forbidden."""
    document = await resources.get_by_id(identifier)
    role = user.get_role(document["application"])
    if role is None:
        raise NotFound(resources.kind, identifier)
    application = await services.applications.load(document["application"])
    return ResourceAccess(user, require_role(role, minimum, application.id), application, document)


async def load_by_key(services: Services, user: User, resources: Repository, key: str, minimum: Role) -> ResourceAccess:
    """Return the access to the resource with a key that exactly one readable application has.

    Raise NotFound, Forbidden, and AmbiguousKey with the applications when several have the key.
    """
    readable = await _match_readable(services, user)
    documents = await resources.store.find(resources.collection, readable & match_keys(resources.key_field, (key,)))
    if not documents:
        raise NotFound(resources.kind, key)
    applications = await services.applications.find_all([document["application"] for document in documents])
    if len(documents) > 1:
        raise AmbiguousKey(resources.kind, key, [application["key"] for application in applications])
    application = Application.from_document(applications[0])
    role = user.get_role(application.id)
    if role is None:
        raise NotFound(resources.kind, key)
    return ResourceAccess(user, require_role(role, minimum, application.id), application, documents[0])


SiteInPath = Annotated[str, Path(description="Id of the site; in a path with an application also any of its keys.")]


async def load_site_to_read(request: Request, site: SiteInPath, services: ServicesDep) -> SiteAccess:
    """Return the access to the site of the path, for a reader."""
    access = await load_in_app(request, services, services.sites, site, Role.READER)
    return SiteAccess(access.user, access.role, access.application, access.document)


SiteToRead = Annotated[SiteAccess, Depends(load_site_to_read)]


# -- lists and creations, directly or under an application -------------------------------------------------------

App = Annotated[
    str,
    Query(
        alias="app",
        description="Id or key of an application; if absent, the list covers all your applications.",
    ),
]


async def build_readable(request: Request, identity: IdentityDep, services: ServicesDep, app: App = UNSET) -> Condition:
    """Return the condition for documents of the application in the path or `app`, else of all readable applications.

    `app` may be in the query or in a JSON body; it may repeat the application of the path, but not name another one.
    """
    in_body = await _read_app_in_body(request, services) if has_body(request) else None
    names = [name for name in (request.path_params.get("application"), app, in_body) if name]
    if not names:
        return await _match_readable(services, identity.user)
    access = await load_access(services, identity.user, names[0], Role.READER)
    for where, name in (("query", app), ("body", in_body)):
        if name:
            require_application(access.application, name, where)
    return OneOf("application", (access.application.id,))


async def _match_readable(services: Services, user: User) -> Condition:
    """Return the condition that a document belongs to an application that the user may read."""
    readable = EVERYTHING if user.applications is None else OneOf("application", user.applications)
    return readable & await services.applications.match_not_deleted()


def require_application(application: Application, name: str, where: str) -> None:
    """Raise BadRequest when `app` in the query or body names another application than the request."""
    if name.lower() != application.id and name != application.key:
        message = "'app' names another application than the rest of the request. Name one application."
        raise BadRequest.with_code(where, "/app", "contradiction", message)


def has_body(request: Request) -> bool:
    """Return whether a request has a body, by its headers."""
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


async def _read_app_in_body(request: Request, services: Services) -> str | None:
    """Return the field `app` of a list's JSON body; None when it is absent, null or empty.  Raise BadRequest."""
    raw = await request.body()
    body = read_json(raw) if raw.strip() else {}
    if not isinstance(body, dict):
        raise BadRequest.with_code(
            "body", "", "wrong_type", "The body of a list must be an object with the field 'app'."
        )
    unknown = [name for name in body if name != "app"]
    if unknown and services.settings.unknown_fields == "ignore":
        note_ignored(request.scope, (f"body/{escape_pointer(name)}" for name in unknown))
    elif unknown:
        faults = [
            Fault("body", f"/{escape_pointer(name)}", "unknown_field", f"Unknown field '{name}'.") for name in unknown
        ]
        raise BadRequest(faults[0].message, faults=faults)
    app = body.get("app")
    if app is not None and not isinstance(app, str):
        raise BadRequest.with_code("body", "/app", "wrong_type", "'app' must be the id or key of an application.")
    return app or None


Readable = Annotated[Condition, Depends(build_readable)]


@dataclass(frozen=True, slots=True)
class Creator:
    """The user of a request that creates resources, in the application of the path or of the body's `app`."""

    request: Request
    services: Services
    user: User

    async def load_access(self, app: str | None, pointer: str = "") -> Access:
        """Return an editor's access to the application that the path or `app` names.

        pointer: place of the object with the field `app` in the body.
        Raise BadRequest when both or neither name the application, NotFound or Forbidden.
        """
        application_in_path = self.request.path_params.get("application")
        if application_in_path and app is not None:
            message = "Remove 'app': the path already names the application."
            raise BadRequest.with_code("body", f"{pointer}/app", "unknown_field", message)
        if not application_in_path and app is None:
            raise BadRequest.with_code("body", f"{pointer}/app", "missing", "'app' is required.")
        return await load_access(self.services, self.user, application_in_path or app or "", Role.EDITOR)


async def provide_creator(request: Request, identity: IdentityDep, services: ServicesDep) -> Creator:
    """Return the creator, as a dependency.

    Raise Forbidden for a user who is an editor neither of the application in the path, nor, without one, of any.
    """
    user = identity.user
    if application_in_path := request.path_params.get("application"):
        await load_access(services, user, application_in_path, Role.EDITOR)
    elif not any(role.includes(Role.EDITOR) for role in (user.global_role, *user.roles.values()) if role):
        raise Forbidden(f"This requires the role '{Role.EDITOR}' in an application.")
    return Creator(request, services, user)


CanCreate = Annotated[Creator, Depends(provide_creator)]
