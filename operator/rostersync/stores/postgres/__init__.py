"""The roster in a PostgreSQL database, shared by the Jobs of all districts."""
