"""Who calls, which application they speak of, and whether they may: the dependencies of routes.

`CanRead`, `CanEdit` and `CanAdmin` are for paths under an application.  `SiteToRead` is for what stands below a site,
by each of its paths.  An application or a site that the caller may not even see is not found, as one that does not
exist.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query
from fastapi.openapi.models import Example
from starlette.requests import Request

from okube_api.api.container import Services, ServicesHere
from okube_api.auth.repository import Role, User
from okube_api.auth.sessions import Identity
from okube_api.errors import BadRequest, Forbidden, NotFound
from okube_api.kit.application import Application
from okube_api.kit.repository import Resources
from okube_api.kit.schemas import UNSET
from okube_api.store.base import EVERYTHING, Condition, Json, OneOf


@dataclass(frozen=True, slots=True)
class Caller:
    """A known user in an application, with at least the role that the route asks for."""

    user: User
    role: Role
    application: Application


@dataclass(frozen=True, slots=True)
class SiteCaller(Caller):
    """The same, of one of the application's sites; `site` is its document."""

    site: Json


def identity(request: Request) -> Identity:
    """Who sent the request; `ApiRoute` has found out before."""
    found: Identity = request.state.identity
    return found


async def identity_here(request: Request) -> Identity:
    """The same, for routes."""
    return identity(request)


IdentityHere = Annotated[Identity, Depends(identity_here)]


# Swagger UI fills these in, so that a first question to the demonstration needs no typing.
DEMO_APPLICATION: dict[str, Example] = {"demo": {"summary": "of the demonstration", "value": "maison-lumen"}}
DEMO_STUDY: dict[str, Example] = {"demo": {"summary": "of the demonstration", "value": "all"}}

# -- under an application ------------------------------------------------------------------------------------

InPath = Annotated[str, Path(description="The application's id or key.", openapi_examples=DEMO_APPLICATION)]


async def enter(shared: Services, user: User, id_or_key: str, least: Role) -> Caller:
    """The caller in an application.  Raises NotFound without any role there, Forbidden below `least`."""
    document = await shared.applications.find(id_or_key)
    role = user.role_in(document["_id"])
    if role is None:
        raise NotFound("application", id_or_key)
    return Caller(user, admitted(role, least), Application.of(document))


def admitted(role: Role, least: Role) -> Role:
    """The role, when it is enough.  Raises Forbidden."""
    if not role.includes(least):
        raise Forbidden(f"This needs the role '{least}' in the application; yours is '{role}'.")
    return role


def _entering(least: Role) -> Callable[..., Awaitable[Caller]]:
    async def caller(application: InPath, identity: IdentityHere, shared: ServicesHere) -> Caller:
        return await enter(shared, identity.user, application, least)

    return caller


CanRead = Annotated[Caller, Depends(_entering(Role.READER))]
CanEdit = Annotated[Caller, Depends(_entering(Role.EDITOR))]
CanAdmin = Annotated[Caller, Depends(_entering(Role.ADMIN))]


async def platform_admin(identity: IdentityHere) -> User:
    """A platform administrator.  Raises Forbidden for everybody else."""
    if not identity.user.platform_admin:
        raise Forbidden("This is for platform administrators.")
    return identity.user


PlatformAdmin = Annotated[User, Depends(platform_admin)]


# -- one resource, directly or under its application -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Held(Caller):
    """A caller, and the document that the path names."""

    document: Json


async def reach(request: Request, shared: Services, resources: Resources, id_or_key: str, least: Role) -> Held:
    """The document that a path names: by id or key where it also names the application, by id where it does not.

    Raises NotFound and Forbidden.
    """
    user = identity(request).user
    if named := request.path_params.get("application"):
        caller = await enter(shared, user, named, least)
        document = await resources.get(caller.application.id, id_or_key)
        return Held(user, caller.role, caller.application, document)
    document = await resources.by_id(id_or_key)
    role = user.role_in(document["application"])
    if role is None:
        raise NotFound(resources.kind, id_or_key)
    application = await shared.applications.find(document["application"])
    return Held(user, admitted(role, least), Application.of(application), document)


SiteInPath = Annotated[str, Path(description="The site's id; under an application, its id or any key.")]


async def site_to_read(request: Request, site: SiteInPath, shared: ServicesHere) -> SiteCaller:
    """The site of the path, for a reader."""
    held = await reach(request, shared, shared.sites, site, Role.READER)
    return SiteCaller(held.user, held.role, held.application, held.document)


SiteToRead = Annotated[SiteCaller, Depends(site_to_read)]


# -- lists and creations, directly or under an application -------------------------------------------------------

App = Annotated[
    str,
    Query(alias="app", min_length=1, description="Only of this application (id or key); without it, of all yours."),
]


async def readable(request: Request, identity: IdentityHere, shared: ServicesHere, app: App = UNSET) -> Condition:
    """The documents of the application that the path or `app` names, else of every one that the caller may read."""
    named = request.path_params.get("application")
    if named and app:
        raise BadRequest.because("query", "/app", "unknown_parameter", "The path names the application already.")
    if named or app:
        caller = await enter(shared, identity.user, named or app, Role.READER)
        return OneOf("application", (caller.application.id,))
    ids = identity.user.applications
    return EVERYTHING if ids is None else OneOf("application", ids)


Readable = Annotated[Condition, Depends(readable)]


@dataclass(frozen=True, slots=True)
class Creator:
    """Who creates, wherever: the application is in the path, or in the body's `app`."""

    request: Request
    shared: Services
    user: User

    async def caller(self, app: str | None, pointer: str = "") -> Caller:
        """An editor of the application that the path names, or `app` where it names none.

        pointer: of the object whose `app` it is.  Raises BadRequest, NotFound and Forbidden.
        """
        named = self.request.path_params.get("application")
        if named and app is not None:
            raise BadRequest.because(
                "body", f"{pointer}/app", "unknown_field", "The path names the application already."
            )
        if not named and app is None:
            raise BadRequest.because("body", f"{pointer}/app", "missing", "'app' is required.")
        return await enter(self.shared, self.user, named or app or "", Role.EDITOR)


async def creator(request: Request, identity: IdentityHere, shared: ServicesHere) -> Creator:
    """Who creates."""
    return Creator(request, shared, identity.user)


CanCreate = Annotated[Creator, Depends(creator)]
