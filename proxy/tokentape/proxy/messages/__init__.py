"""All knowledge of the Messages API, pure: no sockets, no clocks, no files.

Everything is fed bytes and times from outside and can be replayed in a test.
"""
