"""Scopes, by which answers are broken down and filtered, and the roles of places in a question."""

from enum import StrEnum


class Scope(StrEnum):
    """What an answer is broken down by."""

    GLOBALS = "globals"
    SITES = "sites"
    HOMES = "homes"
    WORKS = "works"
    ZONES = "zones"  # the former name of homes
    POIS = "pois"
    CAMPAIGNS = "campaigns"
    LEVERS = "levers"
    EXTRAS = "extras"
    CHANNELS = "channels"  # offline and online
    EQUIPMENTS = "equipments"


ATTRIBUTES = {Scope.HOMES: "home", Scope.WORKS: "work", Scope.ZONES: "home"}
"""The scopes that are attributes of a user, with the column of the panel that holds each."""

SCOPE_OF_COLUMN = {Scope.ZONES: Scope.HOMES, Scope.LEVERS: Scope.CAMPAIGNS, Scope.EXTRAS: Scope.CAMPAIGNS}
"""Scopes without a column of their own, with the scope whose column they use: a lever or an extra has campaigns."""

CAMPAIGN_SCOPES = frozenset({Scope.CAMPAIGNS, Scope.LEVERS, Scope.EXTRAS})
"""The scopes whose values follow from a row's campaign."""


CHANNELS = ("offline", "online")
"""The values of the scope of channels: at sites with an address, and at online sites."""


class PlaceRole(StrEnum):
    """Which places of the question a slice looks at."""

    SITES = "sites"  # those of the study, or of the application, that pass the filters
    POIS = "pois"
    STUDY = "study"  # every site and POI of the study, whatever the filters
