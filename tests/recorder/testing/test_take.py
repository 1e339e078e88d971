"""What a take keeps of a live exchange."""

from __future__ import annotations

import gzip

from tokentape.recorder.cassette.interaction import Ending, Request
from tokentape.recorder.testing.take import Take

REQUEST = Request(method="POST", uri="https://api.anthropic.com/v1/messages")


def test_a_compressed_body_is_kept_decoded_with_the_times_of_its_pieces() -> None:
    done: list[Take] = []
    take = Take(REQUEST, done.append)
    take.head(200, "OK", (("Content-Encoding", "gzip"), ("content-type", "text/plain")))
    for piece in (gzip.compress(b"Hello, "), gzip.compress(b"world")):
        take.data(piece)
    take.end()
    take.end(Ending.TIMEOUT)
    assert done == [take]
    assert take.interaction is not None
    response = take.interaction.response
    assert (response.body, response.ending) == (b"Hello, world", Ending.COMPLETE)
    assert response.headers == (("content-type", "text/plain"),)
    assert response.timing is not None
    assert [arrival.size for arrival in response.timing.arrivals] == [7, 5]


def test_a_body_that_cannot_be_decoded_is_not_kept_and_that_is_told() -> None:
    take = Take(REQUEST, lambda _: None)
    take.head(200, "OK", (("content-encoding", "gzip"),))
    take.data(b"plain")
    take.end()
    assert take.interaction is None
    assert take.trouble.startswith("the body of a reply could not be decoded")


def test_a_request_that_was_never_answered_is_not_kept() -> None:
    take = Take(REQUEST, lambda _: None)
    take.end(Ending.UPSTREAM_ABORT)
    assert (take.interaction, take.trouble) == (None, "")
