"""Plex Media Server: its requests (`client`) and its words (`wire`)."""
