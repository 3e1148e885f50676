"""Plans answered from columns held in memory: what neither DuckDB nor MongoDB can do in a millisecond."""
