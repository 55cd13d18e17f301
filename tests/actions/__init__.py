"""What actions mean, plan and answer."""
