"""Calls as numbers for other systems: the Prometheus registry and the admin server."""
