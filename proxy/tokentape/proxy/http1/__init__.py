"""HTTP/1.1 as a server speaks it, shared by the relay, the stand-in upstream and the replay server.

httptools reads heads; where a body ends is decided here (RFC 9112, section 6), so that bodies can
pass through without being parsed. Nothing here knows the Messages API.
"""
