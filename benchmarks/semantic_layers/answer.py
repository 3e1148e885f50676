"""Answers questions by a semantic layer on DuckDB, line by line: `answer.py {boring,sidemantic} FOLDER`.

`okube_api.bench.semantic_layers` starts it with the Python of build/semantic-layers.  It prints a line when the rows
are loaded.  Each input line is a list of tables in JSON: fact, keys and KPIs.  Each output line has the seconds, and
the rows of each table: keys first, then KPIs.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Rows = list[Sequence[Any]]
Query = Callable[[str, list[str], list[str]], Rows]
DIMENSIONS = {"stays": ("day", "week", "month", "place"), "passages": ("day", "week", "month", "equipment")}


def open_boring(folder: Path) -> Query:
    """Load the rows into the Boring Semantic Layer, which uses Ibis."""
    import ibis
    from boring_semantic_layer import to_semantic_table

    connection = ibis.duckdb.connect(threads=2)
    models = {}
    for fact, dimensions in DIMENSIONS.items():
        connection.raw_sql(f"CREATE TABLE {fact} AS SELECT * FROM '{folder}/facts-{fact}.parquet'")
        place = dimensions[-1]
        models[fact] = (
            to_semantic_table(connection.table(fact), name=fact)
            .with_dimensions(**{name: lambda t, name=name: t[name] for name in dimensions})
            .with_measures(
                posSessions=lambda t: t.count(),
                sessions=lambda t: t.count(),
                timespent=lambda t: t.dwell_s.mean(),
                uniqUsers=lambda t: t.user.nunique(),
                attendance=lambda t, place=place: ibis.struct(
                    {"place": t[place], "user": t.user, "day": t.day}
                ).nunique(),
            )
        )

    def query(fact: str, keys: list[str], kpis: list[str]) -> Rows:
        answer = models[fact].group_by(*keys).aggregate(*kpis).execute()
        return [list(row) for row in answer[[*keys, *kpis]].itertuples(index=False)]

    return query


def open_sidemantic(folder: Path) -> Query:
    """Load the rows into Sidemantic, which generates SQL."""
    from sidemantic import Dimension, Metric, Model, SemanticLayer

    layer = SemanticLayer(connection="duckdb:///:memory:")
    layer.adapter.execute("SET threads = 2")
    for fact, dimensions in DIMENSIONS.items():
        layer.adapter.execute(
            f"CREATE TABLE {fact} AS SELECT row_number() OVER () AS id, * FROM '{folder}/facts-{fact}.parquet'"
        )
        metrics = [
            Metric(name="posSessions", agg="count"),
            Metric(name="sessions", agg="count"),
            Metric(name="timespent", agg="avg", sql="dwell_s"),
            Metric(name="uniqUsers", agg="count_distinct", sql='"user"'),
            Metric(name="attendance", agg="count_distinct", sql=f'row({dimensions[-1]}, "user", day)'),
        ]
        layer.add_model(
            Model(
                name=fact,
                table=fact,
                primary_key="id",
                dimensions=[Dimension(name=name, type="categorical", sql=name) for name in dimensions],
                metrics=metrics,
            )
        )

    def query(fact: str, keys: list[str], kpis: list[str]) -> Rows:
        names = ([f"{fact}.{name}" for name in each] for each in (kpis, keys))
        metrics, dimensions = names
        rows: Rows = layer.query(metrics=metrics, dimensions=dimensions).fetchall()
        return rows

    return query


def main() -> None:
    """Answer each line of the input until it ends."""
    query = {"boring": open_boring, "sidemantic": open_sidemantic}[sys.argv[1]](Path(sys.argv[2]))
    print("{}", flush=True)
    for line in sys.stdin:
        tables = json.loads(line)
        started = time.perf_counter()
        rows = [query(*table) for table in tables]
        seconds = time.perf_counter() - started
        print(json.dumps({"seconds": seconds, "rows": rows}, default=int), flush=True)


if __name__ == "__main__":
    main()
