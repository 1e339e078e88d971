"""Recordings and the oracle's answers, made once a run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.support import recordings
from tests.support.sdk_oracle import Oracle, Truth

if TYPE_CHECKING:
    from tests.support.recordings import Interaction


@pytest.fixture(scope="session")
def interactions() -> list[Interaction]:
    """Every recorded interaction; without the recordings a skip, in CI a failure."""
    place = recordings.folder()
    if place is None:
        reason = f"{recordings.VARIABLE} names no folder of recordings"
        if os.environ.get("TOKENTAPE_CI_STRICT") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return recordings.load(place)


@pytest.fixture(scope="session")
def replies(interactions: list[Interaction]) -> list[Interaction]:
    """Every recorded reply to `POST /v1/messages`."""
    return [interaction for interaction in interactions if interaction.is_message]


@pytest.fixture(scope="session")
def oracle() -> Oracle:
    return Oracle()


@pytest.fixture(scope="session")
def truths(replies: list[Interaction], oracle: Oracle) -> dict[str, Truth]:
    """What the SDK makes of each reply, by its name."""
    return {reply.name: oracle.truth(reply) for reply in replies}
