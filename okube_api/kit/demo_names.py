"""Keys and ids of resources of the demo: the demo creates them, and the examples of the API name them."""

import secrets
from collections.abc import Sequence

from okube_api.clock import utc_now
from okube_api.kit.creation_ids import CreationIds
from okube_api.kit.ids import new_id

LOGIN = "demo@okube.example"
READER_LOGIN = "camille@okube.example"
"""A user of the application who can only read."""

APPLICATION = "maison-lumen"
SITE = "lyon"
POI = "lyon-station"
EQUIPMENT = "lyon-door"
LEVER = "display"
CAMPAIGN = "display-1"
STUDY = "all"
SMALL_STUDY = "top"
API_KEY = "nightly import"
VIEW = "Last week"
FAULTY_FILE = "purchases-with-faults.csv"
"""A file of events whose lines are all rejected: its batch has faults to look at, and its deletion costs nothing."""

USER = "user-000001"
"""A user in the events."""

IDS = {
    collection: (key, f"5c2aad80de0000000000{number:04x}")  # ids start with an instant, here that of 2019-01-01
    for number, (collection, key) in enumerate(
        {
            "sites": SITE,
            "pois": POI,
            "campaigns": CAMPAIGN,
            "studies": SMALL_STUDY,
            "batches": FAULTY_FILE,
            "api_keys": API_KEY,
            "views": VIEW,
        }.items()
    )
}
"""By collection, the key (or name) of a resource of the application and its id, which is the same in every demo."""


class DemoIds(CreationIds):
    """Ids of resources that the demo creates in `APPLICATION`: those of `IDS`, and new ones for the others.

    keys: of the resources, in the order in which they are created.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__(secrets.token_bytes(32), 0, secret_key=secrets.token_bytes(32))
        self._keys = keys

    def get_id(self, collection: str, index: int) -> str:
        """Return the id of the resource with the key at this index."""
        key, identifier = IDS.get(collection, (None, ""))
        return identifier if self._keys[index] == key else new_id(utc_now())
