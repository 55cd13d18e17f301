"""Tests of Watched Sync."""
