"""Requests that Swagger UI prepares from an OpenAPI document: what "Execute" sends without anything typed.

It fills in the examples and defaults of parameters, the first example of a JSON body, and of a form the fields that are
required (`static/docs.js` clears the others).  Files are chosen by the user.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
from okube_api.api.examples import EVENTS
from okube_api.store.values import Json

JSON, FORM = "application/json", "multipart/form-data"
MISSING = object()


@dataclass
class SwaggerRequest:
    """A prepared request.

    path: with names of parameters, as in the document.
    missing: what has no example: path parameters, required fields of forms, or the body.
    files: names of the files of the form.
    """

    operation: str
    method: str
    path: str
    url: str
    query: dict[str, str]
    headers: dict[str, str]
    media: str | None = None
    json: Any = None
    fields: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name of the operation, with the media type of a form."""
        return f"{self.operation} ({self.media})" if self.media == FORM else self.operation

    async def send(self, client: httpx.AsyncClient, files: Mapping[str, bytes]) -> httpx.Response:
        """Send the request with these contents of files."""
        body: dict[str, Any] = {}
        if self.media == JSON:
            body = {"json": self.json}
        elif self.media == FORM:
            body = {"data": self.fields, "files": {name: (name, files[name]) for name in self.files}}
        return await client.request(self.method, self.url, params=self.query, headers=self.headers, **body)


def prepare_requests(document: Json) -> Iterator[SwaggerRequest]:
    """Yield the requests of each operation: one for each of its body types that Swagger UI can fill in."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {})
            for media in [name for name in content if name in {JSON, FORM}] or [None]:
                request = _prepare_parameters(path, method, operation)
                if media is not None:
                    request.media = media
                    _prepare_body(request, content[media], document)
                yield request


def _prepare_parameters(path: str, method: str, operation: Json) -> SwaggerRequest:
    request = SwaggerRequest(operation["operationId"], method.upper(), path, path, {}, {})
    for parameter in operation.get("parameters", ()):
        name, value = parameter["name"], _find_value(parameter)
        if value is MISSING:
            request.missing += [name] if parameter["in"] == "path" else []
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if not re.search(parameter["schema"].get("pattern", ""), text):
            request.missing.append(name)  # Swagger UI refuses to send it
        if parameter["in"] == "path":
            request.url = request.url.replace(f"{{{name}}}", quote(text, safe=""))
        else:
            (request.query if parameter["in"] == "query" else request.headers)[name] = text
    return request


def _find_value(parameter: Json) -> Any:
    for example in parameter.get("examples", {}).values():
        return example["value"]
    schema = parameter["schema"]
    for holder, name in ((parameter, "example"), (schema, "example"), (schema, "default")):
        if name in holder:
            return holder[name]
    return MISSING


def _prepare_body(request: SwaggerRequest, media: Json, document: Json) -> None:
    schema = _resolve(media["schema"], document)
    if request.media == FORM:
        for name in schema.get("required", ()):
            form_field = schema["properties"][name]
            if form_field.get("format") == "binary":
                request.files.append(name)
            elif form_field.get("type") == "boolean":
                request.fields[name] = "true"
            elif "examples" in form_field:
                request.fields[name] = str(form_field["examples"][0])
            else:
                request.missing.append(name)
        return
    if schema.get("format") == "binary":  # a file, which the user chooses
        request.json = EVENTS
        return
    examples = [example["value"] for example in media.get("examples", {}).values()]
    examples += [media["example"]] if "example" in media else []
    for part in (schema, *(_resolve(part, document) for part in schema.get("anyOf", ())[:1])):
        examples += part.get("examples", [])
    if examples:
        request.json = examples[0]
    else:
        request.missing.append("body")


def _resolve(schema: Json, document: Json) -> Json:
    if "$ref" in schema:
        resolved: Json = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return resolved
    return schema
