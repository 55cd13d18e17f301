"""Tests of the study: tables, twins and a simulation; no Home Assistant, no waiting."""
