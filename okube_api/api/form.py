"""Parse form bodies into JSON values: `address[city]=Paris` is an object, a repeated name or `tags[]` is a list.

Items of lists of objects or lists are numbered: `costs[0][amount]=10`.  Objects, lists that are not of texts, and
their items may also be JSON, `costs={"amount": 10}`: OpenAPI expects that of parts that are not texts.

A form has only texts.  The model of the body determines which of them are numbers, booleans or lists; an empty text is
null where null is allowed.
"""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from types import NoneType
from typing import Any, get_args, get_origin
from urllib.parse import parse_qsl

from pydantic import BaseModel

from okube_api.errors import BadRequest, TooLarge
from okube_api.kit.booleans import BOOLEANS
from okube_api.kit.json_text import MAX_LEVELS, escape_pointer, read_json
from okube_api.kit.schemas import list_types

_INDEX = re.compile(r"0|[1-9]\d{0,4}", re.ASCII)


def read_form(body: bytes, model: type[BaseModel]) -> dict[str, Any]:
    """Parse a form body into the JSON value of `model`.  Raise BadRequest."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=10_000)
    except UnicodeDecodeError:
        raise BadRequest("The form must be percent-encoded UTF-8.") from None
    except ValueError:
        raise BadRequest("The form may have 10,000 fields at most.") from None
    return parse_pairs(pairs, model)


def parse_pairs(pairs: Iterable[tuple[str, str]], model: type[BaseModel]) -> dict[str, Any]:
    """Convert the names and texts of a form into the JSON value of `model`.  Raise BadRequest."""
    form: dict[str, Any] = {}
    for name, text in pairs:
        if "\0" in name or "\0" in text:
            raise BadRequest(f"'{name[:100]}' must not contain NUL characters.")
        _insert_text(form, _parse_name(name), text, is_list=name.endswith("[]"))
    return _convert_object(form, model)


def _parse_name(name: str) -> list[str]:
    """Split `address[city]` into `["address", "city"]`, and `tags[]` into `["tags"]`."""
    first, *rest = name.removesuffix("[]").split("[")
    if len(rest) > MAX_LEVELS or any(not part.endswith("]") or "]" in part[:-1] for part in rest):
        raise BadRequest(f"The brackets in the field name '{name[:100]}' do not match.")
    return [first, *(part[:-1] for part in rest)]


class _ListTexts(list[str]):
    """The texts of a name such as `tags[]`: a list, also if it is sent only once."""


def _insert_text(form: dict[str, Any], path: list[str], text: str, *, is_list: bool) -> None:
    *parents, last = path
    for parent in parents:
        form = form.setdefault(parent, {})
        if not isinstance(form, dict):
            raise _ambiguous_field(path)
    if isinstance(form.get(last), dict):
        raise _ambiguous_field(path)
    texts = form.setdefault(last, [])
    if is_list and not isinstance(texts, _ListTexts):
        texts = form[last] = _ListTexts(texts)
    texts.append(text)


def _ambiguous_field(path: list[str]) -> BadRequest:
    pointer = "".join(f"/{escape_pointer(name)}" for name in path)
    message = f"'{path[0]}' is sent both as a text and as an object. Send one of them."
    return BadRequest.with_code("body", pointer, "repeated", message)


def _convert_object(form: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    types = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    fields: dict[str, Any] = {}
    for name, value in form.items():
        if name not in types and isinstance(value, list):
            is_text = len(value) == 1 and not isinstance(value, _ListTexts)
            fields[name] = value[0] if is_text else value  # texts stay texts
        else:
            fields[name] = _convert_value(value, types.get(name, str), f"/{escape_pointer(name)}")
    return fields


def _convert_value(value: Any, annotation: Any, pointer: str) -> Any:
    """Convert the value of a field with this annotation.

    value: the texts that were sent under the field's name, or an object of such lists.
    """
    kinds = list_types(annotation)
    lists = [kind for kind in kinds if get_origin(kind) is list]
    if isinstance(value, dict):
        if lists and all(_INDEX.fullmatch(name) for name in value):
            item = get_args(lists[0])[0]
            return [_convert_value(value[index], item, f"{pointer}/{index}") for index in sorted(value, key=int)]
        models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if models:
            return _convert_object(value, models[0])
        return {  # an object with free names: its texts stay texts
            name: list(texts)
            if isinstance(texts, _ListTexts)
            else _convert_value(texts, str, f"{pointer}/{escape_pointer(name)}")
            for name, texts in value.items()
        }
    if lists:
        items = _convert_list(value, get_args(lists[0])[0], pointer)
        return None if value == [""] and NoneType in kinds else items
    if len(value) > 1:
        raise BadRequest.with_code("body", pointer, "repeated", "This field may be sent only once.")
    if any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds):
        parsed = _parse_json(value[0])
        if isinstance(parsed, dict):
            return parsed
    return _convert_text(value[0], kinds)


def _convert_list(texts: list[str], annotation: Any, pointer: str) -> list[Any]:
    """Convert the texts of a list: its items, or one text that is the JSON of the list."""
    kinds = list_types(annotation)
    has_lists = any(get_origin(kind) is list for kind in kinds)
    if len(texts) == 1 and str not in kinds:
        parsed = _parse_json(texts[0])
        # A list of lists has only lists; any other list is its only item.
        if isinstance(parsed, list) and (not has_lists or all(isinstance(item, list) for item in parsed)):
            return parsed
    items = []
    for text in texts:
        item = _parse_json(text) if has_lists else None
        items.append(item if isinstance(item, list) else _convert_value([text], annotation, pointer))
    return items


def _parse_json(text: str) -> Any:
    """Return the list or object that a text is the JSON of; None for any other text."""
    if text[:1] not in ("[", "{"):
        return None
    with suppress(BadRequest, TooLarge):
        return read_json(text.encode())
    return None


def _convert_text(text: str, kinds: list[Any]) -> Any:
    """Convert a text to null, a boolean or a number if one of `kinds` allows it; otherwise return the text itself."""
    if text == "" and NoneType in kinds:
        return None
    if bool in kinds and text in BOOLEANS:
        return BOOLEANS[text]
    if int in kinds or float in kinds:
        try:
            number = json.loads(text, parse_constant=lambda constant: constant) if len(text) <= 40 else text
        except ValueError:
            return text
        return number if isinstance(number, int | float) else text
    return text
