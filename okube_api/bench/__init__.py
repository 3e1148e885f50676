"""Benchmarks: okube compared with DuckDB, chDB and Polars on the same data, in the same run."""
