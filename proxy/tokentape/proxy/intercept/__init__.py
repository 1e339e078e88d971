"""The data plane for clients that cannot set a base_url: an explicit proxy, on mitmproxy embedded.

A client finds it in `HTTPS_PROXY` and trusts the certificate of its authority. The API's hosts alone are
decrypted; a connection to any other is a tunnel of bytes that nobody looks at. What is decrypted becomes
the same frames as the relay's, so that everything behind them is shared.

mitmproxy is an extra, and heavy: it is imported by what runs, never by what is only loaded.
"""
