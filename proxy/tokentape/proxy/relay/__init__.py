"""The data plane for clients that set a base_url: bytes in, the same bytes out, frames on the side."""
