"""The published paths of the package mta, and their events: touches of campaigns, and a visit per conversion."""

import csv
import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from importlib.metadata import distributions
from itertools import groupby
from pathlib import Path

import pyarrow as pa

PACKAGES = Path(__file__).parents[2] / "build" / "published-paths"
SITE = "shop"
WEIGHT = 100
"""Weight of each panelist: counts are rounded to 2 decimals, so with `uplift` a published figure has 4."""

_FIRST_DAY = datetime(2024, 5, 1, tzinfo=UTC)
_DAYS = 28  # the paths start in one month, so that their visits are in May, too
_TOUCH_GAP = timedelta(minutes=30)  # the longest path lasts less than two days, any lookback window more


@dataclass(frozen=True)
class PublishedPath:
    """The campaigns of a path in order, and how many users with this path converted."""

    campaigns: tuple[str, ...]
    conversions: int

    @property
    def collapsed(self) -> tuple[str, ...]:
        """The path with consecutive touches of one campaign as one."""
        return tuple(campaign for campaign, _ in groupby(self.campaigns))


def load_paths() -> list[PublishedPath]:
    """Return the paths of the installed package, without importing it, which would need its dependencies."""
    [distribution] = distributions(name="mta", path=[str(PACKAGES)])
    packed = Path(str(distribution.locate_file("mta/data/data.csv.gz"))).read_bytes()
    rows = csv.DictReader(io.StringIO(gzip.decompress(packed).decode()))
    return [PublishedPath(tuple(row["path"].split(" > ")), int(row["total_conversions"])) for row in rows]


def build_events(paths: list[PublishedPath]) -> dict[str, pa.Table]:
    """Return the events of the paths by kind: a user per conversion, who visits the site, and one who does not.

    The package has more users without a conversion, who change no credit.
    """
    touches: dict[str, list[object]] = {"user": [], "campaign": [], "at": [], "kind": []}
    visits: dict[str, list[object]] = {"user": [], "site": [], "at": []}
    for number, path in enumerate(paths):
        start = _FIRST_DAY + timedelta(days=number % _DAYS, seconds=number // _DAYS)
        times = [start + position * _TOUCH_GAP for position in range(len(path.campaigns) + 1)]
        for user in _name_users(number, path.conversions + 1):
            touches["user"] += [user] * len(path.campaigns)
            touches["campaign"] += path.campaigns
            touches["at"] += times[:-1]
        for user in _name_users(number, path.conversions):
            visits["user"].append(user)
            visits["at"].append(times[-1])
    touches["kind"] = ["print"] * len(touches["user"])
    visits["site"] = [SITE] * len(visits["user"])
    panelists = {"user": visits["user"], "weight": [WEIGHT] * len(visits["user"])}
    return {"panelists": pa.table(panelists), "touches": pa.table(touches), "visits": pa.table(visits)}


def _name_users(path_number: int, count: int) -> Iterator[str]:
    return (f"path-{path_number}-{number}" for number in range(count))


# -- expected credits ----------------------------------------------------------------------------------------------


def compute_credits(paths: list[PublishedPath]) -> dict[str, dict[str, Fraction]]:
    """Return the credit of each campaign by each model, over the collapsed paths."""
    credits: dict[str, dict[str, Fraction]] = {model: {} for model in ("fc", "lc", "linear", "shapley")}

    def add(model: str, campaign: str, credit: Fraction) -> None:
        credits[model][campaign] = credits[model].get(campaign, Fraction(0)) + credit

    for path in paths:
        collapsed, conversions = path.collapsed, Fraction(path.conversions)
        add("fc", collapsed[0], conversions)
        add("lc", collapsed[-1], conversions)
        for campaign in collapsed:
            add("linear", campaign, conversions / len(collapsed))
        for campaign in set(collapsed):
            add("shapley", campaign, conversions / len(set(collapsed)))
    return credits
