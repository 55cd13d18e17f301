"""Watched Sync: tell Plex and Jellyfin what was watched, and never lose it."""
