"""Checks the size of a request before it is validated, which takes time for each of its fields."""

from typing import Any

from okube_api.errors import BadRequest, Impossible

_MOST_FIELDS = 100  # of an object; models have at most 20


def check_request_size(body: Any, most_params: int) -> None:
    """Raise Impossible for too many params, and BadRequest for a body, param or filter with too many fields.

    body: as parsed; values of the wrong type are left to the validation.
    """
    if not isinstance(body, dict):
        return
    params = body.get("params")
    if isinstance(params, list):
        if len(params) > most_params:
            message = f"'params' has {len(params)} elements; the limit is {most_params}. Split the question."
            raise Impossible.at("body", "/params", message)
        for index, param in enumerate(params):
            _check_fields(param, f"/params/{index}")
            if isinstance(param, dict) and "filters" in param:
                _check_fields(param["filters"], f"/params/{index}/filters")
    _check_fields(body, "")
    for name in ("filters", "compare"):
        _check_fields(body.get(name), f"/{name}")


def _check_fields(value: Any, pointer: str) -> None:
    if isinstance(value, dict) and len(value) > _MOST_FIELDS:
        message = f"The object has {len(value)} fields; the limit is {_MOST_FIELDS}. Remove the unknown fields."
        raise BadRequest.with_code("body", pointer, "out_of_range", message)
