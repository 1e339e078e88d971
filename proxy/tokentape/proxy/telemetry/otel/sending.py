"""Sends items until a collector has taken them, or it is time to give them up."""

from __future__ import annotations

import logging
import random
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentape.proxy.telemetry.otel.resource import Envelope
    from tokentape.proxy.telemetry.otel.tally import Tally
    from tokentape.proxy.telemetry.otel.transport import Answer, Transport

WAITS: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each further try. A batch that nobody takes is given up after about fifteen seconds, and
what came meanwhile has its own turn."""

MAX_WAIT: Final = 30.0
"""Seconds, however long a collector asks to be left alone."""

_log = logging.getLogger(__name__)


class Sender:
    """Sends the items of one signal, from one thread.

    Args:
        transport: the way to the collector.
        envelope: what stands around the items.
        tally: where outcomes are counted.
        place: what the collector is called in messages.
        waits: seconds before each further try.
    """

    def __init__(
        self,
        transport: Transport,
        envelope: Envelope,
        tally: Tally,
        place: str,
        waits: Sequence[float] | None = None,
    ) -> None:
        self._transport = transport
        self._envelope = envelope
        self._tally = tally
        self._place = place
        self._waits = WAITS if waits is None else waits
        self._stop = threading.Event()
        self._failing = False

    def stop(self) -> None:
        """From now on nothing is waited for: what is not taken at the next try is lost."""
        self._stop.set()

    def close(self) -> None:
        """Let go of the way to the collector."""
        self._transport.close()

    def send(self, items: Sequence[bytes], weights: Sequence[int] | None = None) -> int:
        """Send items as one request; where that is too large, as two.

        `weights` are what each counts for, where that is not one. Returns how much was taken.
        """
        count = len(items) if weights is None else sum(weights)
        answer = self._try_and_try_again(self._envelope.request(items))
        if answer.taken:
            return self._taken(count, answer)
        if answer.too_large and len(items) > 1:
            half = len(items) // 2
            first = self.send(items[:half], weights and weights[:half])
            return first + self.send(items[half:], weights and weights[half:])
        self._lost(count, answer)
        return 0

    def _try_and_try_again(self, body: bytes) -> Answer:
        answer = self._try(body)
        for wait in self._waits:
            if not answer.again:
                break
            stopping = self._stop.is_set()
            self._stop.wait(min(answer.wait or wait * random.uniform(0.8, 1.2), MAX_WAIT))  # noqa: S311 - jitter
            if stopping:
                break
            answer = self._try(body)
        return answer

    def _try(self, body: bytes) -> Answer:
        answer = self._transport.send(body)
        if not answer.taken:
            self._tally.failures[answer.reason] += 1
        return answer

    def _taken(self, count: int, answer: Answer) -> int:
        rejected = min(answer.rejected, count)
        self._tally.sent += count - rejected
        self._tally.lose("rejected", rejected)
        if self._failing:
            self._failing = False
            _log.warning("%s takes %s again.", self._place, self._tally.signal)
        return count - rejected

    def _lost(self, count: int, answer: Answer) -> None:
        reason = "unreachable" if answer.again else "too_large" if answer.too_large else "refused"
        self._tally.lose(reason, count)
        if not self._failing:
            self._failing = True
            _log.warning(
                "%s does not take %s: %s. Calls go on; what is lost is counted.",
                self._place,
                self._tally.signal,
                answer.detail,
            )
