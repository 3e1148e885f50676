"""Points of interest in the store."""

from okube_api.resources import Resources
from okube_api.store.base import Collection, Kind

POIS = Collection(
    "pois",
    fields={
        "version": Kind.INTEGER,
        "application": Kind.TEXT,
        "key": Kind.TEXT,
        "name": Kind.TEXT,
        "active": Kind.BOOLEAN,
        "tags": Kind.TEXTS,
        "sites": Kind.TEXTS,
        "longitude": Kind.NUMBER,  # degrees, as in `coordinates`
        "latitude": Kind.NUMBER,
        "cells": Kind.TEXTS,  # the indoor cells, and the coordinates' own cell at every coarser resolution
    },
    unique=(("application", "key"),),
    search=(
        "name",
        "key",
        "address.streetNumber",
        "address.street",
        "address.postalCode",
        "address.city",
        "address.country",
    ),
)


class Pois(Resources):
    """The points of interest of every application."""

    collection = POIS
    kind = "point of interest"
