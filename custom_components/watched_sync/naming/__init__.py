"""From ids, words, players and sentences to items: the one way to name a thing."""
