"""How the operator talks to the API server, and what it caches of the answers."""
