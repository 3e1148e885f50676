"""Plans evaluated on columns in memory, in milliseconds, without the database."""
