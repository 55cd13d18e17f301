"""Media players: what they play, what that is on a lane, and following them."""
