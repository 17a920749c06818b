"""How the operator speaks with the API server, and what it remembers of the answers."""
