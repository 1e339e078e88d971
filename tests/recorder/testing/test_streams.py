"""Streams stay streams, while they are recorded and when they are played."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import httpx
import pytest
from tests.support.upstream import HEADERS, OPENING, STREAM_REQUEST, held_upstream

from tokentape.recorder.cassette.interaction import Ending
from tokentape.recorder.testing.deck import Deck
from tokentape.recorder.testing.hosts import Places
from tokentape.recorder.testing.settings import Settings
from tokentape.recorder.testing.transports import asking

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


def deck_for(url: str, *recorded: Deck) -> Deck:
    interactions = [one for deck in recorded for one in deck.recorded()]
    return Deck(interactions, Settings(), live=not recorded, places=Places((url,), ()))


def asked(client: httpx.Client, url: str) -> AbstractContextManager[httpx.Response]:
    return client.stream("POST", f"{url}/v1/messages", content=STREAM_REQUEST, headers=HEADERS)


def test_a_client_sees_the_first_events_before_the_last_ones_are_there() -> None:
    with held_upstream() as upstream:
        deck = deck_for(upstream.url)
        with asking(deck), httpx.Client() as client, asked(client, upstream.url) as reply:
            pieces = reply.iter_raw()
            assert next(pieces) == OPENING
            upstream.release()
            rest = b"".join(pieces)
        (interaction,) = deck.recorded()
        assert interaction.response.body == OPENING + rest
        assert interaction.response.ending is Ending.COMPLETE
        timing = interaction.response.timing
        assert timing is not None
        assert [arrival.size for arrival in timing.arrivals] == [len(OPENING), len(rest)]

        played = deck_for(upstream.url, deck)
        with asking(played), httpx.Client() as client, asked(client, upstream.url) as reply:
            events = list(reply.iter_raw())
        assert b"".join(events) == OPENING + rest
        assert [event.count(b"\n\n") for event in events] == [1] * 6


def test_a_client_that_leaves_is_recorded_as_one_that_left() -> None:
    with held_upstream() as upstream:
        deck = deck_for(upstream.url)

        async def leave() -> None:
            async with httpx.AsyncClient() as client:
                url = f"{upstream.url}/v1/messages"
                async with client.stream("POST", url, content=STREAM_REQUEST, headers=HEADERS) as reply:
                    async for piece in reply.aiter_raw():
                        assert piece == OPENING
                        break

        with asking(deck):
            anyio.run(leave)
        (interaction,) = deck.recorded()
    assert interaction.response.ending is Ending.CLIENT_ABORT
    assert interaction.response.body == OPENING
    played = deck_for("https://nowhere.example", deck)
    with asking(played), httpx.Client() as client, pytest.raises(httpx.RemoteProtocolError):
        client.post("https://api.anthropic.com/v1/messages", content=STREAM_REQUEST, headers=HEADERS)
