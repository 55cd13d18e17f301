"""The dialogs of options and of what is tracked."""
