"""The telephones: one folder per kind of server, each implementing `MediaServer`.

Everything here speaks HTTP through a session handed in from outside and knows
nothing of Home Assistant. The folders never import each other; what they share is
`transport` (one request) and `fields` (reading JSON without trusting it).
"""
