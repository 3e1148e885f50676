"""Notes on the values of an answer: each has a code for programs and a message for people."""

from dataclasses import dataclass
from enum import StrEnum


class NoteCode(StrEnum):
    """What a note is about."""

    STALE_FACTS = "stale_facts"
    PREVIOUS_BANDS = "previous_bands"
    SITE_OUTSIDE_STUDY = "site_outside_study"
    COSTS_LEFT_OUT = "costs_left_out"
    SITES_WITHOUT_OPENINGS = "sites_without_openings"
    INCOMPLETE_COMPARISON = "incomplete_comparison"
    # why a param has no values
    NO_EVENTS = "no_events"
    NO_SITES = "no_sites"
    NO_POIS = "no_pois"
    NO_PLACE_MATCHED = "no_place_matched"
    FILTERS_KEEP_NONE = "filters_keep_none"
    NO_TOUCHES = "no_touches"
    NOT_ATTRIBUTED = "not_attributed"
    NO_EXPOSURES = "no_exposures"
    NO_COSTS = "no_costs"


@dataclass(frozen=True, slots=True)
class Note:
    """A remark on the values of an answer, such as data that is left out."""

    code: NoteCode
    message: str
