"""The study: what synchronising play states means, without I/O.

Standard library only. Nothing in here reads a clock, draws a random number, opens
a file or a socket: time, chance, the disk and the servers come in through
`ports`, so that every decision can be replayed in a test.
"""
