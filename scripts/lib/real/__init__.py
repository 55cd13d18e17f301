"""Real servers, as whoever runs them sees them: users for tests, items, watched states.

Nothing of the component's own requests is used here: it is what they are compared with.
"""
