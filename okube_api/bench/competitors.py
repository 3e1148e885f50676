"""DuckDB, chDB and Polars, with the questions of `workloads` as hand-written queries.

Competitors that are not installed are skipped; the extra `bench` of the package installs them all.
"""

import tempfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

Answer = list[tuple[Any, ...]]
Files = Mapping[str, Path]


class Competitor(Protocol):
    """A system that has loaded the rows into memory."""

    name: str

    def __init__(self, files: Files, b2_campaigns: list[str]) -> None:
        """Load the rows of the files, by name; `b2_campaigns` are the ids of the campaigns of question B2."""

    def ask(self, workload: str) -> Answer | None:
        """Return the rows of the answer in any order, None when there is no query for the workload."""


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
)
SELECT month, lever, sum(visit), sum(conversion), sum(revenue_micro) FROM by_lever GROUP BY ALL
"""
_BY_SITE = "SELECT place, month, count(*), avg(dwell_s) FROM stays GROUP BY ALL"
_DASHBOARD = tuple(
    f"SELECT {', '.join((*by, what))} FROM stays GROUP BY ALL"
    for by in (("day",), ("month",), ("place", "month"))
    for what in ("count(*)", "avg(dwell_s)", "count(DISTINCT user)", "count(DISTINCT (place, user, day))")
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

    def ask(self, workload: str) -> Answer | None:
        """Return the rows of the answer (see `Competitor`)."""
        return [row for sql in _SQL[workload] for row in self._connection.execute(sql).fetchall()]


class ChDb:
    """SQL in ClickHouse, in this process."""

    name = "chDB"
    _SUPPORTED = ("A1", "A2", "A3", "A3s", "A4", "C1")

    def __init__(self, files: Files, b2_campaigns: list[str]) -> None:
        from chdb.session import Session

        self._folder = tempfile.TemporaryDirectory(prefix="okube-bench-")
        self._session = Session(self._folder.name)
        self._session.query("CREATE DATABASE bench ENGINE = Atomic")
        for table in ("stays", "passages"):
            order = "place" if table == "stays" else "equipment"
            self._session.query(
                f"CREATE TABLE bench.{table} ENGINE = MergeTree ORDER BY (day, {order}) "
                f"SETTINGS allow_nullable_key = 1 AS SELECT * FROM file('{files[table]}', Parquet)"
            )

    def ask(self, workload: str) -> Answer | None:
        """Return the rows of the answer (see `Competitor`)."""
        if workload not in self._SUPPORTED:
            return None
        answer: Answer = []
        for sql in _SQL[workload]:
            text = sql.replace("GROUP BY ALL", _group_by(sql)).replace("FROM stays", "FROM bench.stays")
            rows = self._session.query(text.replace("FROM passages", "FROM bench.passages"), "ArrowTable")
            answer += zip(*(column.to_pylist() for column in rows.columns), strict=True)
        return answer


def _group_by(sql: str) -> str:
    names = sql.removeprefix("SELECT ").split(" FROM ")[0].split(", ")
    return "GROUP BY " + ", ".join(name for name in names if name in ("day", "month", "week", "place", "equipment"))


class Polars:
    """A data frame library with a query optimizer."""

    name = "Polars"

    def __init__(self, files: Files, b2_campaigns: list[str]) -> None:
        import polars

        self._pl = polars
        self._frames = {name: polars.read_parquet(path) for name, path in files.items()}

    def ask(self, workload: str) -> Answer | None:
        """Return the rows of the answer (see `Competitor`)."""
        pl, stays, passages = self._pl, self._frames["stays"].lazy(), self._frames["passages"].lazy()
        users, dwell = pl.col("user").n_unique().alias("users"), pl.col("dwell_s").mean().alias("dwell")
        queries: Mapping[str, Callable[[], list[Any]]] = {
            "A1": lambda: [stays.group_by("day").agg(pl.len())],
            "A2": lambda: [stays.group_by("place", "month").agg(pl.len(), dwell)],
            "A3": lambda: [stays.group_by("month").agg(users), stays.select(users)],
            "A3s": lambda: [stays.group_by("place", "month").agg(users), stays.group_by("place").agg(users)],
            "C1": lambda: [passages.group_by("equipment", "week").agg(pl.len(), dwell, users)],
        }
        if workload not in queries:
            return None
        return [row for frame in queries[workload]() for row in frame.collect().rows()]


_COMPETITORS: Mapping[str, type[Competitor]] = {"duckdb": DuckDb, "chdb": ChDb, "polars": Polars}


def load_competitors(files: Files, b2_campaigns: list[str]) -> list[Competitor]:
    """Return the competitors that are installed, each with the rows loaded."""
    return [
        competitor(files, b2_campaigns) for module, competitor in _COMPETITORS.items() if find_spec(module) is not None
    ]
