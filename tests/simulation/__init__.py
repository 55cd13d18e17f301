"""A machine that tries to break the promise: nothing lost, doubled or reordered."""
