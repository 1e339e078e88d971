"""Suites of one file that pytester runs with the real plugin and the real SDK."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import anthropic
import httpx
import httpx2
from tests.support.upstream import held_upstream

import tokentape.recorder.testing.running

if TYPE_CHECKING:
    from collections.abc import Generator

    import pytest

# What is imported here stays imported: pytester forgets what its runs import.
LOADED = (anthropic, httpx, httpx2, tokentape.recorder.testing.running)
VCRPY = importlib.import_module("vcr")

HEAD = """
import anthropic, pytest
ASK = {"model": "claude-sonnet-4-6", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}
"""

UNARY = """
@pytest.mark.tokentape
def test_unary():
    reply = anthropic.Anthropic().messages.create(**ASK)
    assert reply.content[0].text == "Hello"
"""


def live(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """The suite's clients ask this upstream."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-test")


def dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite's clients would ask the API itself, without a key."""
    for name in ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def upstream() -> Generator[str]:
    """The URL of an upstream that answers at once."""
    with held_upstream() as server:
        server.release()
        yield server.url
