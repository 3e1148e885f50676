"""CSV and XLSX tables, read from uploads and written to answers."""
