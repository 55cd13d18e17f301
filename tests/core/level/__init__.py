"""Tests of bringing lanes level."""
