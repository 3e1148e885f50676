"""DuckDB, chDB and Polars, with the questions of `workloads` as hand-written queries.

Competitors that are not installed are skipped; the extra `bench` of the package installs them all.
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from okube_api.bench.numbers import Row
from okube_api.bench.workloads import HALF_YEAR, QUARTER, SECOND_HALF
from okube_api.catalogue.buckets import to_ordinal

Files = Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class CompetitorAnswer:
    """An answer: a list of rows for each table of `numbers.RESULT_TABLES`, in any order, and the time it took."""

    rows_by_table: Sequence[Sequence[Row]]
    seconds: float


class Competitor(Protocol):
    """A system that has loaded the rows into memory."""

    name: str

    def ask(self, workload: str) -> CompetitorAnswer | None:
        """Answer a workload, None when there is no query for it."""

    def close(self) -> None:
        """Free the rows."""


_ATTRIBUTION_MODELS = """
WITH touched AS (
    SELECT week, unnest(path) AS campaign, generate_subscripts(path, 1) AS place, len(path) AS length
    FROM outcomes WHERE attributed = 1 AND visit = 1
), shares AS (
    SELECT week, unnest(campaigns) AS campaign, 1.0 / len(campaigns) AS share
    FROM outcomes WHERE attributed = 1 AND visit = 1
), touches AS (
    SELECT week, campaign, sum(1.0 / length) AS linear, count(*) FILTER (place = 1) AS first,
           count(*) FILTER (place = length) AS last FROM touched GROUP BY ALL
), parts AS (SELECT week, campaign, sum(share) AS shapley, count(*) AS participation FROM shares GROUP BY ALL)
SELECT week, campaign, linear, first, last, shapley, participation FROM touches JOIN parts USING (week, campaign)
"""
_CAMPAIGN_FILTER = """
WITH chosen AS (
    SELECT row_number() OVER () AS id, * FROM outcomes WHERE list_has_any(campaigns, getvariable('b2_campaigns'))
),
by_lever AS (
    SELECT DISTINCT id, month, lever, visit, conversion, revenue_micro
    FROM (SELECT *, unnest(campaigns) AS campaign FROM chosen) JOIN campaigns USING (campaign)
),
sums AS (
    SELECT month, lever, sum(visit) AS visits, sum(conversion) AS conversions, sum(revenue_micro) / 1e6 AS revenue
    FROM by_lever GROUP BY ALL
),
spent AS (
    SELECT month, lever, sum(cost) AS cost FROM costs WHERE list_contains(getvariable('b2_campaigns'), campaign)
    GROUP BY ALL
)
SELECT month, lever, visits, conversions, (coalesce(revenue, 0) - cost) / cost FROM spent LEFT JOIN sums
USING (month, lever)
"""
_BY_SITE = "SELECT place, month, count(*), avg(dwell_s) FROM stays GROUP BY ALL"
_DASHBOARD = tuple(
    f"SELECT {', '.join((*by, what))} FROM stays GROUP BY ALL"
    for by in (("day",), ("month",), ("place", "month"))
    for what in ("count(*)", "avg(dwell_s)", "count(DISTINCT user)", "count(DISTINCT (place, user, day))")
)
_IN_QUARTER = f"WHERE day BETWEEN {to_ordinal(QUARTER[0])} AND {to_ordinal(QUARTER[1])}"
_NOW, _BEFORE = (
    f"day BETWEEN {to_ordinal(first)} AND {to_ordinal(last)}"
    for first, last in (SECOND_HALF, (SECOND_HALF[0] - HALF_YEAR, SECOND_HALF[1] - HALF_YEAR))
)
_WEEKS = HALF_YEAR.days // 7


def _compare_halves(*, by_week: bool) -> str:
    """Return SQL for the stays and users of the second half of the year, of the first half, and the changes."""
    key, group = ("week, ", " GROUP BY week") if by_week else ("", "")
    join = f"JOIN past ON now.week = past.week + {_WEEKS}" if by_week else "CROSS JOIN past"
    counts = f"SELECT {key}count(*) AS stays, count(DISTINCT user) AS users FROM stays WHERE"
    measures = (f"now.{name}, past.{name}, now.{name} / past.{name} - 1" for name in ("stays", "users"))
    return (
        f"WITH now AS ({counts} {_NOW}{group}), past AS ({counts} {_BEFORE}{group}) "
        f"SELECT {', '.join((*(['now.week'] if by_week else []), *measures))} FROM now {join}"
    )


_SQL: Mapping[str, tuple[str, ...]] = {
    "A1": ("SELECT day, count(*) FROM stays GROUP BY day",),
    "A2": (_BY_SITE,),
    "A3": ("SELECT month, count(DISTINCT user) FROM stays GROUP BY month", "SELECT count(DISTINCT user) FROM stays"),
    "A3s": (
        "SELECT place, month, count(DISTINCT user) FROM stays GROUP BY ALL",
        "SELECT place, count(DISTINCT user) FROM stays GROUP BY ALL",
    ),
    "A4": _DASHBOARD,
    "A5h": (
        f"SELECT weekday, hour_of_day, count(*), avg(dwell_s) FROM stays {_IN_QUARTER} GROUP BY ALL",
        f"SELECT count(*), avg(dwell_s) FROM stays {_IN_QUARTER}",
    ),
    "A5c": (_compare_halves(by_week=True), _compare_halves(by_week=False)),
    "A5r": (
        "SELECT region, week, count(DISTINCT user) FROM stays JOIN sites USING (place) GROUP BY ALL",
        "SELECT region, count(DISTINCT user) FROM stays JOIN sites USING (place) GROUP BY ALL",
    ),
    "B1": (_ATTRIBUTION_MODELS,),
    "B2": (_CAMPAIGN_FILTER,),
    "C1": ("SELECT equipment, week, count(*), avg(dwell_s), count(DISTINCT user) FROM passages GROUP BY ALL",),
}


class DuckDb:
    """SQL in an embedded columnar database, with the rows in memory."""

    name = "DuckDB"

    def __init__(self, files: Files, b2_campaigns: list[str]) -> None:
        import duckdb

        self._connection = duckdb.connect()
        self._connection.execute("SET threads = 2")
        for table, path in files.items():
            self._connection.execute(f"CREATE TABLE {table} AS SELECT * FROM '{path}'")
        self._connection.execute("SET VARIABLE b2_campaigns = ?", [b2_campaigns])

    def ask(self, workload: str) -> CompetitorAnswer | None:
        """Answer a workload (see `Competitor`)."""
        return _time_tables(_SQL[workload], lambda sql: self._connection.execute(sql).fetchall())

    def close(self) -> None:
        """Free the rows."""
        self._connection.close()


def _time_tables(queries: Sequence[Any], run: Callable[[Any], Sequence[Row]]) -> CompetitorAnswer:
    started = time.perf_counter()
    rows_by_table = [run(query) for query in queries]
    return CompetitorAnswer(rows_by_table, time.perf_counter() - started)


# -- chDB ----------------------------------------------------------------------------------------------------------

_CLICKHOUSE_MODELS = """
WITH chosen AS (SELECT week, path, campaigns FROM bench.outcomes WHERE attributed = 1 AND visit = 1),
touches AS (
    SELECT week, campaign, sum(1 / length(path)) AS linear, countIf(place = 1) AS first,
           countIf(place = length(path)) AS last
    FROM chosen ARRAY JOIN path AS campaign, arrayEnumerate(path) AS place GROUP BY week, campaign
), parts AS (
    SELECT week, campaign, sum(1 / length(campaigns)) AS shapley, count() AS participation
    FROM chosen ARRAY JOIN campaigns AS campaign GROUP BY week, campaign
)
SELECT week, campaign, linear, first, last, shapley, participation FROM touches JOIN parts USING (week, campaign)
"""
_CLICKHOUSE_FILTER = """
WITH by_lever AS (
    SELECT DISTINCT id, month, lever, visit, conversion, revenue_micro
    FROM (SELECT rowNumberInAllBlocks() AS id, month, visit, conversion, revenue_micro, campaigns FROM bench.outcomes
          WHERE hasAny(campaigns, $chosen)) ARRAY JOIN campaigns AS campaign
    JOIN bench.campaigns AS names ON names.campaign = campaign
),
sums AS (
    SELECT month, lever, sum(visit) AS visits, sum(conversion) AS conversions, sum(revenue_micro) / 1e6 AS revenue
    FROM by_lever GROUP BY month, lever
),
spent AS (
    SELECT month, lever, sum(cost) AS cost FROM bench.costs WHERE has($chosen, campaign) GROUP BY month, lever
)
SELECT month, lever, visits, conversions, (ifNull(revenue, 0) - cost) / cost FROM spent LEFT JOIN sums
USING (month, lever)
"""
_CLICKHOUSE_KEYS = ("day", "month", "week", "weekday", "hour_of_day", "place", "region", "equipment")
_CLICKHOUSE_ORDER = {"stays": "day, place", "sites": "place", "passages": "day, equipment", "outcomes": "day"}


class ChDb:
    """SQL in ClickHouse, in this process."""

    name = "chDB"

    def __init__(self, files: Files, b2_campaigns: list[str]) -> None:
        from chdb import session

        chdb_session: Any = session  # its functions have no types
        self._folder = tempfile.TemporaryDirectory(prefix="okube-bench-")
        self._session = chdb_session.Session(self._folder.name)
        self._chosen = str(b2_campaigns)
        self._session.query("CREATE DATABASE bench ENGINE = Atomic")
        for table, path in files.items():
            self._session.query(
                f"CREATE TABLE bench.{table} ENGINE = MergeTree ORDER BY ({_CLICKHOUSE_ORDER.get(table, 'campaign')}) "
                f"SETTINGS allow_nullable_key = 1 AS SELECT * FROM file('{path}', Parquet)"
            )

    def ask(self, workload: str) -> CompetitorAnswer | None:
        """Answer a workload (see `Competitor`)."""
        own = {"B1": _CLICKHOUSE_MODELS, "B2": _CLICKHOUSE_FILTER.replace("$chosen", self._chosen)}
        queries = (own[workload],) if workload in own else tuple(map(_translate, _SQL[workload]))
        return _time_tables(queries, self._query)

    def close(self) -> None:
        """Delete the rows."""
        self._session.close()
        self._folder.cleanup()

    def _query(self, sql: str) -> Sequence[Row]:
        rows = self._session.query(sql, "ArrowTable")
        return list(zip(*(_decode(column.to_pylist()) for column in rows.columns), strict=True))


def _translate(sql: str) -> str:
    """Return SQL of DuckDB as SQL of ClickHouse."""
    names = sql.removeprefix("SELECT ").split(" FROM ")[0].split(", ")
    keys = ", ".join(name for name in names if name in _CLICKHOUSE_KEYS)
    text = sql.replace("GROUP BY ALL", f"GROUP BY {keys}")
    for table in ("FROM stays", "FROM passages", "JOIN sites"):
        text = text.replace(table, table.replace(" ", " bench."))
    return text


def _decode(values: list[Any]) -> list[Any]:
    return [value.decode() if isinstance(value, bytes) else value for value in values]


# -- Polars --------------------------------------------------------------------------------------------------------


class Polars:
    """A data frame library with a query optimizer."""

    name = "Polars"

    def __init__(self, files: Files, b2_campaigns: list[str]) -> None:
        import polars

        self._pl, self._chosen = polars, b2_campaigns
        self._frames = {name: polars.read_parquet(path) for name, path in files.items()}

    def ask(self, workload: str) -> CompetitorAnswer | None:
        """Answer a workload (see `Competitor`)."""
        pl, stays, passages = self._pl, self._frames["stays"].lazy(), self._frames["passages"].lazy()
        users, dwell = pl.col("user").n_unique().alias("users"), pl.col("dwell_s").mean().alias("dwell")
        quarter = stays.filter(pl.col("day").is_between(to_ordinal(QUARTER[0]), to_ordinal(QUARTER[1])))
        regions = stays.join(self._frames["sites"].lazy(), on="place")
        visitor_days = pl.struct("place", "user", "day").n_unique()
        queries: Mapping[str, Callable[[], list[Any]]] = {
            "A1": lambda: [stays.group_by("day").agg(pl.len())],
            "A2": lambda: [stays.group_by("place", "month").agg(pl.len(), dwell)],
            "A3": lambda: [stays.group_by("month").agg(users), stays.select(users)],
            "A3s": lambda: [stays.group_by("place", "month").agg(users), stays.group_by("place").agg(users)],
            "A4": lambda: [
                stays.group_by(*by).agg(value.alias("value"))
                for by in (("day",), ("month",), ("place", "month"))
                for value in (pl.len(), dwell, users, visitor_days)
            ],
            "A5h": lambda: [
                quarter.group_by("weekday", "hour_of_day").agg(pl.len(), dwell),
                quarter.select(pl.len(), dwell),
            ],
            "A5c": lambda: [self._compare_halves(("week",)), self._compare_halves(())],
            "A5r": lambda: [
                regions.group_by("region", "week").agg(users),
                regions.group_by("region").agg(users),
            ],
            "B1": lambda: [self._credit_campaigns()],
            "B2": lambda: [self._filter_campaigns()],
            "C1": lambda: [passages.group_by("equipment", "week").agg(pl.len(), dwell, users)],
        }
        return _time_tables(queries[workload](), lambda frame: frame.collect().rows())

    def close(self) -> None:
        """Free the rows."""
        self._frames.clear()

    def _compare_halves(self, keys: tuple[str, ...]) -> Any:
        """Return stays and users of the second half of the year, of the first half, and the changes; keys first."""
        pl, stays, start = self._pl, self._frames["stays"].lazy(), to_ordinal(SECOND_HALF[0])
        counts = (pl.len().alias("stays"), pl.col("user").n_unique().alias("users"))
        halves = [
            stays.filter(pl.col("day").is_between(first, first + HALF_YEAR.days - 1)).with_columns(
                week=pl.col("week").cast(pl.Int64) + shift
            )
            for first, shift in ((start, 0), (start - HALF_YEAR.days, _WEEKS))
        ]
        now, past = (half.group_by(*keys).agg(*counts) if keys else half.select(*counts) for half in halves)
        joined = now.join(past, on=keys, suffix="_past") if keys else now.join(past, how="cross", suffix="_past")
        measures = [
            column
            for name, past_name in (("stays", "stays_past"), ("users", "users_past"))
            for column in (name, past_name, (pl.col(name) / pl.col(past_name) - 1).alias(f"{name}_change"))
        ]
        return joined.select(*keys, *measures)

    def _credit_campaigns(self) -> Any:
        """Return week, campaign, and the credits by model: linear, first, last, Shapley, participation."""
        pl, keys = self._pl, ("week", "campaign")
        chosen = self._frames["outcomes"].lazy().filter(pl.col("attributed") == 1, pl.col("visit") == 1)
        path, campaigns = pl.col("path"), pl.col("campaigns")
        touches = chosen.select("week", campaign=path, share=1.0 / path.list.len()).explode("campaign")
        linear = touches.group_by(keys).agg(pl.col("share").sum().alias("linear"))
        first = chosen.group_by("week", campaign=path.list.first()).agg(pl.len().alias("first"))
        last = chosen.group_by("week", campaign=path.list.last()).agg(pl.len().alias("last"))
        shares = chosen.select("week", campaign=campaigns, share=1.0 / campaigns.list.len()).explode("campaign")
        shapley = shares.group_by(keys).agg(pl.col("share").sum().alias("shapley"), pl.len().alias("participation"))
        credits = linear
        for part in (first, last, shapley):
            credits = credits.join(part, on=keys, how="left")
        return credits.fill_null(0)

    def _filter_campaigns(self) -> Any:
        """Return month, lever, visits, conversions and ROI of the campaigns of question B2."""
        pl, keys = self._pl, ("month", "lever")
        chosen = self._frames["outcomes"].lazy().with_row_index("id")
        chosen = chosen.filter(pl.col("campaigns").list.eval(pl.element().is_in(self._chosen)).list.any())
        columns = ("id", "month", "lever", "visit", "conversion", "revenue_micro")
        by_lever = chosen.select("id", "month", "visit", "conversion", "revenue_micro", campaign=pl.col("campaigns"))
        by_lever = by_lever.explode("campaign").join(self._frames["campaigns"].lazy(), on="campaign")
        sums = (
            by_lever.select(columns).unique().group_by(keys).agg(pl.col("visit", "conversion", "revenue_micro").sum())
        )
        costs = self._frames["costs"].lazy().filter(pl.col("campaign").is_in(self._chosen))
        joined = costs.group_by(keys).agg(pl.col("cost").sum()).join(sums, on=keys, how="left").fill_null(0)
        roi = (pl.col("revenue_micro") / 1e6 - pl.col("cost")) / pl.col("cost")
        return joined.select(*keys, "visit", "conversion", roi.alias("roi"))


_COMPETITORS: Mapping[str, Callable[[Files, list[str]], Competitor]] = {
    "duckdb": DuckDb,
    "chdb": ChDb,
    "polars": Polars,
}


def load_competitors(files: Files, b2_campaigns: list[str]) -> list[Competitor]:
    """Return the competitors that are installed in this environment, each with the rows loaded."""
    return [
        competitor(files, b2_campaigns) for module, competitor in _COMPETITORS.items() if find_spec(module) is not None
    ]
