"""The dialogs within an entry: its options, and what is added to it."""
