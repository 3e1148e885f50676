"""Look-up of resources by id, key or name."""

import pytest
from okube_api.errors import UnknownReference
from okube_api.kit.repository import index_by_key, index_by_name, match_names, require_all
from okube_api.store.conditions import NOTHING, OneOf, Overlaps
from okube_api.store.values import Json

ID, OTHER_ID = "5e1834b0e12d62a85b388a1b", "5e1834b0e12d62a85b388a1c"


def test_id_takes_precedence_over_a_key_that_looks_like_it() -> None:
    by_id, by_key = {ID: "first"}, {ID: "second", "lyon": "third"}
    names = [ID.upper(), ID, "lyon", "unknown", OTHER_ID]
    assert index_by_name(names, by_id, by_key) == {ID.upper(): "first", ID: "first", "lyon": "third"}


def test_documents_are_indexed_by_every_key() -> None:
    documents: list[Json] = [{"_id": "a", "names": ["x", "y"]}, {"_id": "b", "names": []}, {"_id": "c"}]
    assert index_by_key("names", documents) == {"x": documents[0], "y": documents[0]}
    keyed: list[Json] = [{"_id": "a", "key": "x"}, {"_id": "b"}]
    assert index_by_key("key", keyed) == {"x": keyed[0]}


def test_only_ids_are_compared_with_ids() -> None:
    assert match_names("key", ["lyon", ID.upper()], ["lyon"]) == OneOf("key", ("lyon",)) | OneOf("_id", (ID,))
    assert match_names("names", ["lyon"], ["lyon"]) == Overlaps("names", ("lyon",)) | NOTHING


def test_every_unknown_name_is_a_fault() -> None:
    by_name = {"lyon": ID}
    assert require_all("site", by_name, ["lyon", "lyon"], "/sites") == [ID, ID]
    with pytest.raises(UnknownReference) as refusal:
        require_all("site", by_name, ["paris", "lyon", "lille"], "/sites")
    assert [(fault.pointer, fault.message) for fault in refusal.value.faults] == [
        ("/sites/0", "There is no site 'paris'."),
        ("/sites/2", "There is no site 'lille'."),
    ]
