"""Bringing servers level: plan it, carry it out, offer it."""
