"""What the actions do: say what is meant, check it, queue it, and answer."""
