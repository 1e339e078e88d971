"""The demo: real SDK traffic through a real proxy, against a stand-in for the API.

Scene
    One thing that clients do: a stream, a tool loop, a retry.
Figures
    What the proxy's own /metrics says after them.
"""
