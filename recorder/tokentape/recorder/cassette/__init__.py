"""Cassettes: recorded interactions, in vcrpy's format version 1.

Interaction
    One request and its response, as a cassette keeps them: decoded, redacted, with arrival times.
Cassette
    The interactions of one recorded session, in the order in which their requests began.
Timing
    When a response came: its head, and each piece of its body.
Ending
    How a response ended: whole, or cut by one of the two sides.
"""
