"""One connection of any kind: the runs it asks for, its checks, source, claims and policies."""
