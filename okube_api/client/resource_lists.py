"""Lists of resources: sites, campaigns and others, which can be read, created, changed and deleted."""

from collections.abc import Callable, Mapping
from functools import partial as partial_function
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import httpx

from okube_api.client.calls import (
    AsyncCaller,
    AsyncTransport,
    BlockingCaller,
    BlockingTransport,
    CallPlan,
    FileWork,
    HttpCall,
    Listing,
    Operation,
    PagePlan,
    T,
)
from okube_api.client.errors import read_json
from okube_api.client.request_values import build_path, format_params
from okube_api.client.saved_file import detect_format, plan_file
from okube_api.client.session import ServerSession, create_idempotency_key
from okube_api.client.table_form import Table, write_form

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
        """Return an iterator over the resources, the oldest first, which reads pages of 100 as they are needed.

        Resources that are created meanwhile come at the end.  When resources are deleted meanwhile, later ones move up,
        and those that move to a page that was read already are left out.  So take a list of all before you delete them,
        or change what the filters look at; `save` reads all of them at once.
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
    def import_table(
        self,
        table: Table,
        *,
        mapper: Mapping[str, str] | None = None,
        unit: Mapping[str, str] | None = None,
        timezone: str | None = None,
        dates: Literal["dmy", "mdy"] | None = None,
        encoding: str | None = None,
        delimiter: str | None = None,
        sheet: str | None = None,
        partial: bool = False,
        dry_run: bool = False,
    ) -> CallPlan[dict[str, Any]]:
        """Create and update sites, pois, campaigns or studies from a table, and return what the server says about it.

        table: the path of a file (CSV or XLSX), a pandas or Polars frame, an Arrow table, or dicts.  Rows whose `_id`
        or `key` exists update that resource.
        mapper: the column of each field that has another name, such as `{"address.city": "town"}`.
        unit: units of numbers, by field.
        timezone: of instants that are to be days.
        dates, encoding, delimiter, sheet: how a file is written, where it cannot be detected.
        partial: import the valid rows, although others are not; else none.
        dry_run: check the rows and write nothing.
        Raise RequestRefused, whose faults have the lines and columns; TypeError for a table of another type.
        """
        pairs = {"mapper": mapper or {}, "unit": unit or {}}
        fields = {f"{name}[{field}]": text for name, values in pairs.items() for field, text in values.items()}
        options = {
            "timezone": timezone,
            "dates": dates,
            "encoding": encoding,
            "delimiter": delimiter,
            "sheet": sheet,
        }
        fields |= {name: text for name, text in options.items() if text is not None}
        path = f"{self._path}/import" if self._path.endswith("/sites") else self._path
        params = format_params({"partial": partial or None, "dryRun": dry_run or None})
        with TemporaryDirectory(prefix="okube-") as folder:
            form = yield FileWork(partial_function(write_form, table, fields, Path(folder)))
            headers = {**form.headers, "Idempotency-Key": create_idempotency_key()}
            response = yield from self._session.send(HttpCall("POST", path, params, headers, form.path))
        report: dict[str, Any] = read_json(response)
        return report

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
    """Return what reads a page of a list by its number, as the API has no other place to go on from.

    read: returns the item of a document.
    """

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
