"""The doctor: what a client needs, and whether it would work, looked at from this machine.

Finding
    One thing that was looked at: good, worth a note, or bad, in a sentence that says what to do.
"""
