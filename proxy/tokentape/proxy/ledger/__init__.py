"""The lasting truth: one row per call, with its bill, kept in SQLite or PostgreSQL."""
