"""Recorded traffic sent through once more, and recorded: 1,887 calls of one file in one session among it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from tests.support import recordings
from tests.support.cassettes import to_interaction
from tests.support.plans import CODINGS, plan
from tests.support.recording import running_record
from tests.support.wire import RecordingsServer, fetch, serving

from tokentape.recorder.cassette.store import load
from tokentape.recorder.scrubbing.allowed import recordable
from tokentape.recorder.scrubbing.scrub import scrub

if TYPE_CHECKING:
    from pathlib import Path

    from tokentape.recorder.cassette.interaction import Interaction


def meaning(body: bytes) -> Any:
    """A body, however it is spaced."""
    if body.lstrip().startswith((b"event:", b"data:")):
        lines = [line.strip() for line in body.splitlines()]
        return [_value(line.partition(b":")[2]) for line in lines if line]
    return _value(body)


def _value(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()


def facts(interaction: Interaction) -> tuple[Any, ...]:
    request, response = interaction.request, interaction.response
    parts = urlsplit(request.uri)
    asked = (request.method, parts.path, parts.query, meaning(request.body))
    return (*asked, response.status, response.header("request-id"), meaning(response.body))


@pytest.mark.slow
@pytest.mark.skipif(
    recordings.folder() is None, reason=f"{recordings.VARIABLE} names no folder of recordings"
)
def test_what_others_recorded_is_recorded_again_in_one_session(tmp_path: Path) -> None:
    """Each reply in one of four codings, cut anywhere; in the order in which they were asked for."""
    folder = recordings.folder()
    assert folder is not None
    kept = [reply for reply in recordings.load(folder) if recordable(reply.method, reply.url)]
    plans = [plan(number, reply, CODINGS[number % 4]) for number, reply in enumerate(kept)]
    with (
        serving(RecordingsServer(plans)) as upstream,
        running_record(tmp_path, "a.yaml", upstream=upstream) as running,
    ):
        asyncio.run(fetch(running.address[1], plans, lambda _: []))
        result = running.stop()
    assert len([reply for reply in kept if reply.file.endswith("/Batch.yaml")]) == 1887
    assert (result.status, result.told[-1]) == (0, f"{len(kept):,} interactions recorded in a.yaml")
    again = load(tmp_path / "a.yaml").interactions
    assert len(again) == len(kept)
    wrong = [
        reply.name
        for reply, interaction in zip(kept, again, strict=True)
        if facts(interaction) != facts(scrub(to_interaction(reply)))
    ]
    assert wrong == []
