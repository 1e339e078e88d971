"""What the servers that play the API share: how an answer is put on the wire.

Reply
    A response before it is bytes: status, headers, and the parts of its body with their times.
Body
    The parts of a stream on its way to the wire.
Answer
    What goes on the wire: pieces, when each is due, and what becomes of the connection.
Playback
    An Answer being played to one client.

Everything but `player`, `connection` and `serving` is pure.
"""
