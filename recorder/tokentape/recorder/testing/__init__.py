"""Cassettes in tests: what stands behind the pytest plugin `tokentape.recorder.pytest_plugin`.

Settings
    What holds for one test, from the command line, its marker, its module's fixture and the ini file.
Deck
    What answers the requests of one test: plays its cassette, lets requests go live, or refuses them.
Take
    A live exchange while it is recorded.
Exchange
    A request of a test with its verdict and its response.
Script
    A reply in the order and at the times in which a client gets its parts, without a socket between.
Guard
    What keeps connections from leaving this machine while nothing may go live.

The plugin imports nothing of this before a test asks for it.
"""
