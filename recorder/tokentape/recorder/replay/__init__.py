"""The replay server: cassettes served as the API, over HTTP, without ever asking the API.

Shelf
    The cassettes that are served, by name.
Session
    One client's own state of one cassette: what was played to it, and with which verdict.
Verdict
    How a request was found: exactly, after normalisation, with a drift, or not at all.
Report
    What became of the sessions: verdicts, drifts, misses, and what was never played.

A client says which cassette and which session it means by labels, as a first path segment
(`/@cassette=NAME,session=ID/`) or as the header `x-tokentape-labels`. Everything but `connection` and
`server` is pure.
"""
