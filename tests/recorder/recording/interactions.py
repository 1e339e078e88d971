"""Interactions for tests of journals and cassettes."""

from __future__ import annotations

from tokentape.recorder.cassette.interaction import Arrival, Interaction, Request, Response, Timing


def interaction(text: str, *, at: float = 1_000_000.0) -> Interaction:
    """A call that says `text`, begun at a time."""
    body = f'{{"text": "{text}"}}'.encode()
    return Interaction(
        request=Request(method="POST", uri="https://api.anthropic.com/v1/messages", body=b"{}"),
        response=Response(
            status=200,
            headers=(("content-type", "application/json"),),
            body=body,
            timing=Timing(headers=0.5, arrivals=(Arrival(0.5, len(body)),), ended=0.5),
        ),
        recorded_at=at,
    )
