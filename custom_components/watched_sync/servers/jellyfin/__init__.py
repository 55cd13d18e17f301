"""Jellyfin: its requests (`client`) and its words (`wire`)."""
