"""The embedded store: one DuckDB file, one writer at a time."""
