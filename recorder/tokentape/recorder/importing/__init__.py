"""Importing: what other tools recorded, as cassettes.

Source
    A file of another tool: vcrpy's layouts, HAR (browsers, proxies), mitmproxy's flows.
Exchange with the API
    One to an endpoint that a cassette may hold. Everything else in a source is left out and counted.
"""
