"""Answers given again without reading the request, for load: `Behaviour.repeat`.

A request that equals an earlier one byte by byte, or in its head, its length and both ends of its
body, gets the same reply under a new request id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokentape.recorder.standin.answer import Answer
from tokentape.recorder.wire.answer import Ending

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokentape.proxy.http1.heads import RequestHead
    from tokentape.recorder.standin.totals import Totals

_KEPT: Final = 256
_WHOLE: Final = 16 * 1024
"""Bytes up to which a whole request is its own key: hashing more would cost more than reading it."""
_ENDS: Final = 128
_ID: Final = 22
"""Characters of a request id that change."""

Key = tuple[bytes, int, bytes, bytes]


class Repeat:
    """One reply, and how often it was given since it was last counted."""

    __slots__ = ("_after", "_before", "_rest", "answer", "count", "single", "taken_in")

    def __init__(self, answer: Answer, request_id: str, taken_in: int) -> None:
        head, *rest = answer.pieces
        self._before, _, self._after = head.partition(request_id.encode())
        self._rest = rest
        self.taken_in = taken_in
        self.answer = answer
        self.count = 0
        self.single = not (answer.separate and rest)

    def data(self, request_id: bytes) -> bytes:
        """The whole reply."""
        return b"".join((self._before, request_id, self._after, *self._rest))

    def again(self, request_id: bytes) -> Answer:
        """The reply as an answer of its own."""
        answer = self.answer
        return Answer(
            pieces=[self._before + request_id + self._after, *self._rest],
            separate=answer.separate,
            tally=answer.tally,
        )

    def settle(self, totals: Totals) -> None:
        """Count what was given without being counted."""
        count, self.count = self.count, 0
        if count:
            totals.requests += count
            totals.bytes_in += self.taken_in * count
            totals.finish(self.answer.tally, self.answer.size, count)


class Repeats:
    """The replies that are given again."""

    def __init__(self) -> None:
        self._by_bytes: dict[bytes, Repeat] = {}
        self._by_ends: dict[Key, Repeat] = {}
        self._number = 0

    def find(self, request: bytes) -> Repeat | None:
        """The reply to a request that came in one piece."""
        return self._by_bytes.get(request) if self._by_bytes and len(request) <= _WHOLE else None

    def find_by_ends(self, key: Key) -> Repeat | None:
        """The reply to a request by its head and the ends of its body."""
        return self._by_ends.get(key)

    @property
    def known(self) -> bool:
        """There is any."""
        return bool(self._by_ends)

    def keep(self, key: Key, request: bytes, repeat: Repeat) -> None:
        """Give this reply again; `request` is empty where it did not come in one piece."""
        if len(self._by_ends) >= _KEPT:
            return
        self._by_ends[key] = repeat
        if request and len(request) <= _WHOLE:
            self._by_bytes[request] = repeat

    def next_id(self) -> bytes:
        """A request id that no other reply has."""
        self._number += 1
        return b"req_02%022d" % self._number

    def settle(self, totals: Totals) -> None:
        """Bring the totals up to date."""
        for repeat in self._by_ends.values():
            repeat.settle(totals)


def may_repeat(answer: Answer) -> bool:
    """It is a whole reply without times and faults."""
    return answer.tally.status == 200 and not answer.due and answer.ending == Ending.KEEP


def key_of(head: RequestHead, body: Sequence[bytes]) -> Key:
    """The key of a request whose body came in pieces."""
    return (
        head.raw,
        sum(map(len, body)),
        body[0][:_ENDS] if body else b"",
        body[-1][-_ENDS:] if body else b"",
    )
