"""Editing: what can be asked of cassettes, and made of them. Pure: files are read and written elsewhere.

Turn
    What one call adds to a conversation: the messages that no call before it had, and the reply.
Difference
    What is not the same in two cassettes, less what never is: padding, ids, signatures, times.
Played
    The interactions that a replay asked for; the others can be pruned.
"""
