"""One connection, of whatever kind: the runs it asks for, its checks, sources, claims and policies."""
