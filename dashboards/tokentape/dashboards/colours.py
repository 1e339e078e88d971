"""Colours: the same thing has the same colour on every board."""

from __future__ import annotations

from typing import Final

GOOD: Final = "green"
WARNING: Final = "orange"
BAD: Final = "red"
MONEY: Final = "blue"
NEUTRAL: Final = "text"

TOKEN_KINDS: Final = {
    "input": "blue",
    "cache_read": "green",
    "cache_write_5m": "yellow",
    "cache_write_1h": "orange",
    "output": "purple",
    "web_search": "dark-red",
    "other": "gray",
}
QUANTILES: Final = {"p50": "green", "p95": "orange", "p99": "red"}
OUTCOMES: Final = {
    "ok": "green",
    "api_error": "red",
    "stream_error": "dark-red",
    "client_abort": "blue",
    "upstream_abort": "orange",
    "timeout": "purple",
    "proxy_error": "dark-orange",
}
STATUSES: Final = {
    "200": "green",
    "400": "yellow",
    "401": "yellow",
    "404": "yellow",
    "429": "orange",
    "500": "dark-red",
    "529": "red",
    "none": "blue",
}
ERRORS: Final = {
    "rate_limit_error": "orange",
    "overloaded_error": "red",
    "invalid_request_error": "yellow",
    "api_error": "dark-red",
    "stream_error": "purple",
}
CACHE: Final = {
    "hit": "green",
    "mixed": "light-green",
    "write": "yellow",
    "ignored": "red",
    "unmarked": "gray",
}
STOP_REASONS: Final = {
    "end_turn": "green",
    "tool_use": "blue",
    "max_tokens": "red",
    "stop_sequence": "yellow",
    "refusal": "orange",
    "pause_turn": "purple",
    "model_context_window_exceeded": "dark-red",
}
