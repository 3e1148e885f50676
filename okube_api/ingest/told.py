"""What facts are derived from besides events: places, equipments, windows and settings; and what is to be derived."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from okube_api.ingest.derive.paths import Windows
from okube_api.ingest.ground import Ground
from okube_api.ingest.reading import Sides
from okube_api.kit.application import ApplicationSettings


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What the documents of an application say when its facts are derived.

    zone: the application's clock.  sites: (site, zone, online); equipments: (equipment, site, zone); both in any order.
    windows: by campaign.
    """

    zone: str
    settings: ApplicationSettings
    ground: Ground
    sites: pa.Table
    equipments: pa.Table
    windows: Windows


@dataclass(frozen=True, slots=True)
class Task:
    """Which facts to write anew.

    sides: the batches of events that count, before and after.  spans: the UTC days with events of either side that
    the other has not, as (first, last), ascending and apart.  also: local days to be written whatever changed there.
    """

    sides: Sides
    spans: Sequence[tuple[int, int]]
    also: frozenset[int] = frozenset()
