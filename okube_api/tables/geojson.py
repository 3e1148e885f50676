"""Formats documents with a place as GeoJSON (RFC 7946)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from pydantic import BaseModel

from okube_api.store.values import Json
from okube_api.tables.columns import GEOMETRY
from okube_api.tables.file_columns import DocumentTable

HEAD, TAIL = b'{"type":"FeatureCollection","features":[', b"]}"


class FeatureTable:
    """Formats documents as features, whose properties are the columns of `model` but its geometry.

    The geometry is the outline of a document, else its point, else null.
    """

    def __init__(self, model: type[BaseModel], free_names: Mapping[str, Sequence[str]]) -> None:
        self._table = DocumentTable(model, free_names)
        self._names = [column.name for column in self._table.columns]

    def format_features(self, documents: Iterable[Json]) -> bytes:
        """Return the features of documents, separated by commas."""
        block = list(documents)
        features = (
            self._build_feature(document, values)
            for document, values in zip(block, self._table.read_rows(block), strict=True)
        )
        return b",".join(orjson.dumps(feature, option=orjson.OPT_UTC_Z) for feature in features)

    def _build_feature(self, document: Json, values: Sequence[Any]) -> Json:
        properties = dict(zip(self._names, values, strict=True))
        properties.pop(GEOMETRY, None)
        return {
            "type": "Feature",
            "id": document["_id"],
            "geometry": document.get(GEOMETRY) or _find_point(document),
            "properties": properties,
        }


def _find_point(document: Json) -> Json | None:
    coordinates = document.get("coordinates") or (document.get("lng"), document.get("lat"))
    return None if None in coordinates else {"type": "Point", "coordinates": coordinates}
