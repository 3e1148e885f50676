"""CSV tables, read from uploads and written to answers."""
