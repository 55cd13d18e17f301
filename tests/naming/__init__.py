"""Tests of how things are named, and where names are looked up."""
