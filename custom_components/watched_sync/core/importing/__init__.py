"""Histories that other programs exported: from the bytes of a file to what was watched.

Each format has a module that says where it is described. What is not understood is
named, and nothing is guessed: a file of an unknown kind is refused with the names of
its columns, and a row that makes no sense costs itself alone.
"""
