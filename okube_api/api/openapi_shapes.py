"""Bodies and schemas of the OpenAPI document, in shapes that generators of clients understand."""

import re
from copy import deepcopy

from okube_api.api.multipart import MULTIPART
from okube_api.api.request_body import JSON
from okube_api.store.values import Json

_REF = "#/components/schemas/"


def name_forms(document: Json) -> None:
    """Move the schemas of forms to the components, under the names in their titles.

    In an operation that takes a form or JSON, the files of the form are required, since a request without a file can
    use JSON, and the schema of the JSON excludes the form by `not`.  This restricts nothing.  Without it OpenAPI
    Generator writes no class for the form, because only forms use it, but still imports it.
    """
    schemas = document["components"]["schemas"]
    for path, content in _list_contents(document):
        form = content.get(MULTIPART, {}).get("schema", {})
        if "title" not in form:
            continue
        name = form.pop("title")
        if "{application}" in path:
            form["properties"].pop("app", None)
        body = content.get(JSON, {}).get("schema")
        if body is not None:
            files = [field for field, schema in form["properties"].items() if schema.get("format") == "binary"]
            form["required"] = list(dict.fromkeys([*form.get("required", ()), *files]))
        schemas[name] = form
        content[MULTIPART]["schema"] = {"$ref": _REF + name}
        alternatives = [body or {}, *(body or {}).get("oneOf", ())]
        if refs := [alternative for alternative in alternatives if "$ref" in alternative]:
            schemas[_ref_name(refs[0])]["not"] = {"$ref": _REF + name}


def join_alternatives(document: Json) -> None:
    """Use `anyOf` instead of `oneOf` in bodies that are an object or a list.

    Both mean the same here, but for `oneOf` some generators write a class that imports the object's class twice.
    """
    for _path, content in _list_contents(document):
        schema = content.get(JSON, {}).get("schema", {})
        if "oneOf" in schema:
            schema["anyOf"] = schema.pop("oneOf")


def open_objects(schemas: Json) -> None:
    """Describe the values of free-form names by a pattern where generators misread `additionalProperties`.

    Generators for TypeScript write an index signature for it, which declared fields would contradict.  OpenAPI
    Generator writes Python that does not type-check when the values may be null.
    """
    for schema in _list_nested(schemas):
        values = schema.get("additionalProperties")
        declared = schema.get("properties", {})
        if not isinstance(values, dict) or not (declared or _is_nullable(values, schemas)):
            continue
        names = "|".join(map(re.escape, declared))
        schema["additionalProperties"] = True
        schema["patternProperties"] = {f"^(?!(?:{names})$)" if declared else "^": values}


def _list_nested(node: object) -> list[Json]:
    """Return all objects in a schema, itself included."""
    if isinstance(node, dict):
        return [node, *(inner for value in node.values() for inner in _list_nested(value))]
    return [inner for value in node for inner in _list_nested(value)] if isinstance(node, list) else []


def _is_nullable(schema: Json, schemas: Json) -> bool:
    """Return whether a schema, or one of its alternatives, allows null."""
    if "$ref" in schema:
        return _is_nullable(schemas[_ref_name(schema)], schemas)
    return "null" in schema.get("type", ()) or any(_is_nullable(part, schemas) for part in schema.get("anyOf", ()))


def document_under_applications(document: Json, application_parameter: Json) -> None:
    """Document creations under an application as separate operations: `app` is refused there and required elsewhere.

    The other methods of such a path are then documented there, too, so that a documented path has all its methods.
    """
    schemas = document["components"]["schemas"]
    items = list(document["paths"].values())
    for item in items:
        if _names_application(item.get("post", {}), schemas):
            _document_alias(document, "post", item["post"], application_parameter)
    for item in items:
        for method, operation in item.items():
            if any(alias in document["paths"] for alias in operation.get("x-aliases", ())):
                _document_alias(document, method, operation, application_parameter)


def _document_alias(document: Json, method: str, operation: Json, application_parameter: Json) -> None:
    """Document those aliases of an operation that are under an application as an operation of their own."""
    schemas = document["components"]["schemas"]
    aliases = operation["x-aliases"]
    under_application = [path for path in aliases if "{application}" in path]
    operation["x-aliases"] = [path for path in aliases if path not in under_application]
    if not operation["x-aliases"]:
        del operation["x-aliases"]
    path, *other_paths = under_application
    parameters = [parameter for parameter in operation.get("parameters", ()) if parameter["name"] != "app"]
    copy = deepcopy(operation) | {
        "operationId": f"{operation['operationId']}_in_application",
        "summary": f"{operation['summary']} in application",
        "parameters": [application_parameter, *deepcopy(parameters)],
        "x-aliases": other_paths,
    }
    for media in copy.get("requestBody", {}).get("content", {}).values():
        media["schema"] = _remove_app(media["schema"], schemas)
    document["paths"].setdefault(path, {})[method] = copy


def _names_application(operation: Json, schemas: Json) -> bool:
    """Return whether the JSON body of an operation has the field `app`."""
    schema = operation.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema", {})
    element = schema.get("anyOf", [schema])[0]
    return "$ref" in element and "app" in schemas[_ref_name(element)].get("properties", {})


def _remove_app(schema: Json, schemas: Json) -> Json:
    """Return a body's schema without the field `app`; its components are copied for that."""
    if "$ref" not in schema:
        return {
            key: [_remove_app(part, schemas) for part in value]
            if key == "anyOf"
            else _remove_app(value, schemas)
            if key == "items"
            else value
            for key, value in schema.items()
        }
    if "app" not in schemas[_ref_name(schema)].get("properties", {}):
        return schema
    name = f"{_ref_name(schema)}InApplication"
    if name not in schemas:
        copy = schemas[name] = deepcopy(schemas[_ref_name(schema)])
        del copy["properties"]["app"]
        copy["required"] = [field for field in copy.get("required", ()) if field != "app"]
        for example in copy.get("examples", ()):
            example.pop("app", None)
        if "not" in copy:
            copy["not"] = _remove_app(copy["not"], schemas)
    return {"$ref": _REF + name}


def _list_contents(document: Json) -> list[tuple[str, Json]]:
    """Return the path of each request body and its content by media type."""
    return [
        (path, operation["requestBody"]["content"])
        for path, item in document["paths"].items()
        for operation in item.values()
        if "requestBody" in operation
    ]


def _ref_name(schema: Json) -> str:
    name: str = schema["$ref"].removeprefix(_REF)
    return name
