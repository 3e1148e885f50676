"""Tables, read from uploads and written to answers: CSV, XLSX, Parquet, GeoJSON."""
