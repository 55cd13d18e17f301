"""What the simulated servers themselves promise."""
