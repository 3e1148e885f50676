"""Lists of resources: sites, campaigns and others, which can be read, created, changed and deleted."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from okube_api.client.calls import (
    AsyncCaller,
    AsyncTransport,
    BlockingCaller,
    BlockingTransport,
    CallPlan,
    Listing,
    Operation,
    PagePlan,
    T,
)
from okube_api.client.errors import read_json
from okube_api.client.request_values import build_path
from okube_api.client.saved_file import detect_format, plan_file
from okube_api.client.session import ServerSession, create_idempotency_key

_PER_PAGE = 100


class ResourceDocument(dict[str, Any]):
    """A resource, as the API describes it.  etag: its version, unless it was read from a list."""

    def __init__(self, fields: Mapping[str, Any], etag: str | None = None) -> None:
        super().__init__(fields)
        self.etag = etag

    @property
    def id(self) -> str:
        """The id of the resource."""
        return str(self["_id"])


class _ResourceCalls:
    """What lists of resources can do."""

    def __init__(self, session: ServerSession, path: str) -> None:
        self._session = session
        self._path = path

    @Listing
    def __call__(self, /, q: str | None = None, **filters: Any) -> PagePlan[ResourceDocument]:
        """Return an iterator over the resources.

        q: a text to search for.
        filters: further parameters of the list, such as `tags=["outlet"]` or `active=True` of sites.
        """
        return plan_pages(self._session, self._path, {"q": q, **filters}, ResourceDocument)

    @Operation
    def count(self, /, q: str | None = None, **filters: Any) -> CallPlan[int]:
        """Return the number of resources that match."""
        params = {"q": q, **filters, "per_page": 0}
        response = yield from self._session.request("GET", self._path, params=params)
        return int(read_json(response)["_$paginated"]["total"])

    @Operation
    def save(self, path: str | Path, /, q: str | None = None, **filters: Any) -> CallPlan[Path]:
        """Write all resources that match to a file, as they arrive, and return its path.

        path: its name ends in .csv, .xlsx, .parquet or (sites, pois) .geojson; a file that is there is replaced.
        filters: as of the list, and the options of CSV: `locale="fr"`, `delimiter`, `decimal`, `dates`...
        Raise ValueError for another name, RequestRefused for lists that have no such file.
        """
        params = {"q": q, "format": detect_format(Path(path)), **filters}
        return plan_file(self._session, "GET", self._path, Path(path), params=params)

    @Operation
    def get(self, id_or_key: str) -> CallPlan[ResourceDocument]:
        """Return the resource with this id or key.  Raise ResourceMissing."""
        response = yield from self._session.request("GET", self._path + build_path(id_or_key))
        return read_document(response)

    @Operation
    def create(self, document: Mapping[str, Any] | None = None, /, **fields: Any) -> CallPlan[ResourceDocument]:
        """Create a resource and return it.  Repeated attempts create it once.

        document, fields: its fields, as a mapping or by name.
        """
        headers = {"Idempotency-Key": create_idempotency_key()}
        body = {**(document or {}), **fields}
        response = yield from self._session.request("POST", self._path, body=body, headers=headers)
        return read_document(response)

    @Operation
    def update(
        self, resource: ResourceDocument | str, changes: Mapping[str, Any], *, etag: str | None = None
    ) -> CallPlan[ResourceDocument]:
        """Change fields of a resource and return it.

        resource: the resource, or its id or key.
        etag: the version to change; by default that of the resource, if it was read or written alone.
        Raise ResourceChanged when the resource has another version.
        """
        response = yield from self._session.request(
            "PATCH", self._find_path(resource), body=changes, headers=_match_version(resource, etag)
        )
        return read_document(response)

    @Operation
    def delete(self, resource: ResourceDocument | str, *, etag: str | None = None) -> CallPlan[None]:
        """Delete a resource.  resource, etag: as in `update`.  Raise ResourceChanged, ResourceMissing."""
        yield from self._session.request("DELETE", self._find_path(resource), headers=_match_version(resource, etag))

    def _find_path(self, resource: ResourceDocument | str) -> str:
        return self._path + build_path(resource if isinstance(resource, str) else resource.id)


class ResourceList(_ResourceCalls, BlockingCaller):
    """A list of resources: call it to iterate over them."""

    def __init__(self, session: ServerSession, transport: BlockingTransport, path: str) -> None:
        super().__init__(session, path)
        self._transport = transport


class AsyncResourceList(_ResourceCalls, AsyncCaller):
    """A list of resources: call it to iterate over them with `async for`."""

    def __init__(self, session: ServerSession, transport: AsyncTransport, path: str) -> None:
        super().__init__(session, path)
        self._transport = transport


def plan_pages(
    session: ServerSession, path: str, params: Mapping[str, Any], read: Callable[[Mapping[str, Any]], T]
) -> PagePlan[T]:
    """Return what reads a page of a list.  read: returns the item of a document."""

    def read_page(number: int) -> CallPlan[tuple[list[T], bool]]:
        response = yield from session.request("GET", path, params={**params, "page": number, "per_page": _PER_PAGE})
        page = read_json(response)
        return [read(document) for document in page["documents"]], bool(page["_$paginated"]["has_more"])

    return read_page


def read_document(response: httpx.Response) -> ResourceDocument:
    """Return the resource of a response, with its version."""
    return ResourceDocument(read_json(response), response.headers.get("etag"))


def _match_version(resource: ResourceDocument | str, etag: str | None) -> dict[str, str]:
    version = etag if etag is not None or isinstance(resource, str) else resource.etag
    return {} if version is None else {"If-Match": version}
