"""Matching: which recording answers a request. Pure: no I/O, no clock, no randomness.

Canonical form
    A body in the one spelling that all equal bodies share: JSON keys sorted, numbers in one form.
Volatile
    What may differ between two runs of the same program and changes nothing: `Rules` say what.
Exact key, normalised key
    Hashes of a request in canonical form, with what is volatile and without.
Class
    The recordings of one key, in recorded order: its occurrences.
Lane
    A conversation in a cassette: requests of which each extends the messages of the one before by its
    recorded reply.
Tape
    One session's state of a cassette: what has been played.
Verdict
    How a request was found: exact, normalised, drifted, miss; and live where it was not looked for.
Drift
    Where a request and the recording that answered it differ.
"""
