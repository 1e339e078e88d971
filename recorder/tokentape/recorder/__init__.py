"""The tape: what plays the Messages API without the Messages API."""
