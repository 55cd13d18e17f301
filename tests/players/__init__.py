"""Media players: what they play, and reports of it."""
