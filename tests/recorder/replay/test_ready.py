"""A cassette is scrubbed and indexed once, and what comes of it is never taken for another's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tokentape.recorder.cassette.cache import Entry
from tokentape.recorder.cassette.interaction import Interaction, Request, Response
from tokentape.recorder.matching.player import Player
from tokentape.recorder.matching.rules import Rules
from tokentape.recorder.replay import ready
from tokentape.recorder.replay.ready import NAME, VERSION, Ready, made_ready
from tokentape.recorder.scrubbing.policy import Policy
from tokentape.recorder.scrubbing.scrub import scrub_request

if TYPE_CHECKING:
    from pathlib import Path

URI = "https://api.anthropic.com/v1/messages"
PLAIN, SECRET = b'{"model":"m"}', b'{"model":"m","metadata":{"user_id":"user-42"}}'
TAPE = tuple(
    Interaction(request=Request(method="POST", uri=URI, body=body), response=Response(status=200))
    for body in (PLAIN, SECRET)
)


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    return Entry(tmp_path, "cassette")


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The bodies that were scrubbed."""
    done: list[bytes] = []

    def counted(request: Request, policy: Policy) -> Request:
        done.append(request.body)
        return scrub_request(request, policy)

    monkeypatch.setattr(ready, "scrub_request", counted)
    return done


def made(entry: Entry, policy: Policy | None = None, rules: Rules | None = None) -> Ready:
    return made_ready(TAPE, policy or Policy(), rules or Rules(), entry)


def test_what_was_made_once_is_found(entry: Entry, work: list[bytes]) -> None:
    first = made(entry)
    assert work == [PLAIN, SECRET]
    assert made(entry) == first
    assert work == [PLAIN, SECRET]
    assert first.interactions[0] is TAPE[0]
    assert b"user-42" not in first.interactions[1].request.body


def test_a_player_takes_it_for_its_own(entry: Entry) -> None:
    found = made(entry)
    assert Player(found.interactions, derived=found.index).derived == Player(found.interactions).derived


@pytest.mark.parametrize(
    ("policy", "rules"),
    [(Policy(patterns=("secret",)), Rules()), (Policy(), Rules(json_paths=("metadata.trace",)))],
    ids=["another policy", "other rules"],
)
def test_it_is_made_again_for(entry: Entry, work: list[bytes], policy: Policy, rules: Rules) -> None:
    made(entry)
    made(entry, policy, rules)
    assert len(work) == 4


def test_it_is_made_again_by_other_code(
    entry: Entry, work: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    made(entry)
    monkeypatch.setattr(ready, "_code", lambda: b"changed")
    made(entry)
    assert len(work) == 4


@pytest.mark.parametrize("kept", [b"", b"\xc1", msgspec.msgpack.encode([b"", {}, "no bytes"])])
def test_what_is_damaged_is_made_again(entry: Entry, kept: bytes) -> None:
    entry.keep_derived(NAME, VERSION, kept)
    assert made(entry) == made_ready(TAPE, Policy(), Rules())
