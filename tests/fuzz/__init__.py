"""What any answer, file or call may be made of, and what has to hold all the same."""
