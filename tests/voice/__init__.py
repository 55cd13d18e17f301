"""What is heard and said."""
