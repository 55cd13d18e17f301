"""Simulated servers: real HTTP over TCP, state, websockets and faults on command."""
