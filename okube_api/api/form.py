"""Form bodies as the JSON they stand for: `address[city]=Paris`, repeated names for lists.

Lists of objects or of lists number their items: `costs[0][amount]=10`.

A form has only texts.  The model of the body says which of them are numbers, booleans or lists; an empty text is null
where null is allowed.
"""

import json
import re
from collections.abc import Iterable
from types import NoneType
from typing import Any, get_args, get_origin
from urllib.parse import parse_qsl

from pydantic import BaseModel

from okube_api.errors import BadRequest
from okube_api.kit.json_text import MOST_LEVELS, escaped
from okube_api.kit.schemas import alternatives

_WORDS = {"true": True, "false": False}
_INDEX = re.compile(r"0|[1-9]\d{0,4}", re.ASCII)


def read_form(body: bytes, model: type[BaseModel]) -> dict[str, Any]:
    """The body as JSON, for `model`.  Raises BadRequest."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=10_000)
    except UnicodeDecodeError:
        raise BadRequest("The form is not percent-encoded UTF-8.") from None
    except ValueError:
        raise BadRequest("The form has more than 10,000 fields.") from None
    return from_pairs(pairs, model)


def from_pairs(pairs: Iterable[tuple[str, str]], model: type[BaseModel]) -> dict[str, Any]:
    """The names and texts of a form as JSON, for `model`.  Raises BadRequest."""
    form: dict[str, Any] = {}
    for name, text in pairs:
        if "\0" in name or "\0" in text:
            raise BadRequest("Texts may not hold NUL characters.")
        _put(form, _steps(name), text)
    return _as_model(form, model)


def _steps(name: str) -> list[str]:
    """`address[city]` as `["address", "city"]`; `tags[]` is `tags`."""
    first, *rest = name.removesuffix("[]").split("[")
    if len(rest) > MOST_LEVELS or any(not part.endswith("]") or "]" in part[:-1] for part in rest):
        raise BadRequest(f"The form has a field '{name[:100]}': its brackets do not match.")
    return [first, *(part[:-1] for part in rest)]


def _put(form: dict[str, Any], steps: list[str], text: str) -> None:
    *parents, last = steps
    for parent in parents:
        form = form.setdefault(parent, {})
        if not isinstance(form, dict):
            raise _both(steps)
    if isinstance(form.get(last), dict):
        raise _both(steps)
    form.setdefault(last, []).append(text)


def _both(steps: list[str]) -> BadRequest:
    pointer = "".join(f"/{escaped(step)}" for step in steps)
    return BadRequest.because("body", pointer, "repeated", f"'{steps[0]}' is given both as a text and as an object.")


def _as_model(form: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    types = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    return {name: _value(given, types.get(name, str), f"/{escaped(name)}") for name, given in form.items()}


def _value(given: Any, annotation: Any, pointer: str) -> Any:
    """What the form gives for a field of this type: an object, or the texts of one name."""
    kinds = alternatives(annotation)
    lists = [kind for kind in kinds if get_origin(kind) is list]
    if isinstance(given, dict):
        if lists and all(_INDEX.fullmatch(name) for name in given):
            item = get_args(lists[0])[0]
            return [_value(given[at], item, f"{pointer}/{at}") for at in sorted(given, key=int)]
        models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        return _as_model(given, models[0]) if models else _loose(given, pointer)
    if lists:
        items = [_value([text], get_args(lists[0])[0], pointer) for text in given]
        return None if given == [""] and NoneType in kinds else items
    if len(given) > 1:
        raise BadRequest.because("body", pointer, "repeated", "This may be given once only.")
    return _scalar(given[0], kinds)


def _loose(given: dict[str, Any], pointer: str) -> dict[str, Any]:
    """An object of any names: texts stay texts."""
    return {name: _value(inner, str, f"{pointer}/{escaped(name)}") for name, inner in given.items()}


def _scalar(text: str, kinds: list[Any]) -> Any:
    """The text as the first of the kinds that it can be; what it cannot be, the model refuses."""
    if text == "" and NoneType in kinds:
        return None
    if bool in kinds and text in _WORDS:
        return _WORDS[text]
    if int in kinds or float in kinds:
        try:
            number = json.loads(text, parse_constant=lambda word: word) if len(text) <= 40 else text
        except ValueError:
            return text
        return number if isinstance(number, int | float) else text
    return text
