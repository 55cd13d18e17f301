"""A real Home Assistant with simulated servers, for `scripts/demo` and the tests.

`home` writes the folder of an instance that is set up already, `process` starts and
ends it, `client` talks to it; `lanes` and `dashboard` fill it, `app` is the command.
"""
