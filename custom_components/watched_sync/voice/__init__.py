"""What is said: from words to what is meant, and back to sentences."""
