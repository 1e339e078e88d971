"""The fixture `tokentape_cassette`: a test's open cassette."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentape.recorder.faults.api import retrying_after
from tokentape.recorder.testing import assertions
from tokentape.recorder.testing.calls import calls_of, total_of
from tokentape.recorder.testing.exchange import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tokentape.recorder.cassette.interaction import Interaction, Request, Response
    from tokentape.recorder.faults.fault import Fault
    from tokentape.recorder.testing.calls import MadeCall, Total
    from tokentape.recorder.testing.deck import Deck
    from tokentape.recorder.testing.exchange import Exchange
    from tokentape.recorder.testing.settings import Settings


class OpenCassette:
    """What a test asked for, and what it got.

    Attributes:
        path: the cassette's file, whether it exists or not.
        settings: what holds for the test.
    """

    def __init__(self, path: Path, settings: Settings, deck: Deck) -> None:
        self.path = path
        self.settings = settings
        self.passed = False
        self._deck = deck

    # As vcrpy's users know them.

    @property
    def requests(self) -> list[Request]:
        """The requests that the cassette holds, those recorded in this test included."""
        return [one.request for one in self._held()]

    @property
    def responses(self) -> list[Response]:
        """Their responses."""
        return [one.response for one in self._held()]

    @property
    def play_count(self) -> int:
        """How many requests of the test were answered by recordings."""
        return self._deck.play_count

    @property
    def all_played(self) -> bool:
        """Every recording was asked for."""
        return not self._deck.unplayed()

    def __len__(self) -> int:
        return len(self._held())

    def _held(self) -> list[Interaction]:
        return [*self._deck.interactions, *self._deck.recorded()]

    # Beyond them.

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Each request of the test so far, with its verdict and response, other hosts included."""
        return tuple(self._deck.exchanges)

    def verdicts(self) -> dict[str, int]:
        """How often each verdict was given so far."""
        counts: dict[str, int] = {}
        for one in self._deck.exchanges:
            counts[one.verdict.value] = counts.get(one.verdict.value, 0) + 1
        return counts

    def unplayed(self) -> tuple[Interaction, ...]:
        """The recordings that nobody has asked for, in order."""
        return self._deck.unplayed()

    def inject(self, *faults: Fault) -> None:
        """Let faults strike, in their order, from now on.

        A fault that clients try again says `retry-after-ms: 1` unless it was given another wait, so that
        the SDK's retries take milliseconds. While a cassette is recorded, only faults that answer instead of
        the API strike; those that change its reply do so in replay.
        """
        self._deck.inject(*(retrying_after(fault, 1) for fault in faults))

    # Calls.

    @property
    def calls(self) -> tuple[MadeCall, ...]:
        """The calls of the API so far, retries included, in order."""
        return calls_of(self._deck.exchanges)

    @property
    def bill(self) -> Total:
        """What they cost, or cost when they were recorded."""
        return total_of(self.calls)

    def assert_no_truncation(self) -> None:
        """No reply ended for want of tokens, or because its stream broke off."""
        assertions.no_truncation(self.calls)

    def assert_tools_called(self, *names: str) -> None:
        """The model called each of these tools, at least once."""
        assertions.tools_called(self.calls, names)

    def assert_no_tool_loop(self, max_repeats: int = 3) -> None:
        """The model called no tool more often than this with the same input."""
        assertions.no_tool_loop(self.calls, max_repeats)

    def assert_cache_prefix_stable(self) -> None:
        """Each request begins with what the one before it put into the prompt cache."""
        assertions.prefix_stable(self.calls)

    def assert_cacheable(self) -> None:
        """Each request asks for caching, and its prompt was long enough for it."""
        assertions.cacheable(self.calls)

    def assert_hit_ratio(self, min: float) -> None:  # noqa: A002 - a public name
        """At least this part of all input tokens, from 0 to 1, was read from the prompt cache."""
        assertions.hit_ratio(self.calls, min)

    def assert_models(self, models: Iterable[str]) -> None:
        """These models served, and no others; dates in their names do not count."""
        assertions.models(self.calls, models)

    def assert_retries(self, n: int) -> None:
        """So many calls were retries."""
        assertions.retries(self.calls, n)

    # Judgement.

    def refusals(self) -> list[str]:
        """Why requests were missed or blocked, each reason once; and what else went wrong."""
        wrong = {Verdict.MISS, Verdict.BLOCKED}
        details = [one.detail for one in self._deck.exchanges if one.verdict in wrong]
        return list(dict.fromkeys([*details, *self._deck.troubles]))
