"""The stand-in upstream: speaks the Messages API exactly, from a script instead of a model.

Behaviour
    What the stand-in is told to do: how fast, how much, which blocks, which faults.
Turn
    What it says to one request: content blocks, stop reason and the tokens spent.
Answer
    A Turn (or an error, or a list) as the bytes that go on the wire, when they go, and how it ends.
Totals
    The stand-in's own truth about what it said, for meters to be compared with.

How an Answer is put on the wire: `tokentape.recorder.wire`. Everything but `connection` and `server` is pure.
"""
