"""An addon for mitmproxy: pass bodies on as they arrive. Runs inside mitmdump, imports nothing."""

from __future__ import annotations

from typing import Protocol


class _Message(Protocol):
    stream: bool


class _Flow(Protocol):
    request: _Message
    response: _Message


def requestheaders(flow: _Flow) -> None:
    flow.request.stream = True


def responseheaders(flow: _Flow) -> None:
    flow.response.stream = True
