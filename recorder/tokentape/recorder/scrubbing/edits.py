"""Changes to a body, and where its pieces lie afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokentape.recorder.cassette.interaction import Arrival

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Edit(NamedTuple):
    """What stands between two places becomes something else."""

    start: int
    end: int
    text: bytes


class Body:
    """A body that is being changed, with marks that move with it."""

    __slots__ = ("_marks", "data")

    def __init__(self, data: bytes, arrivals: Iterable[Arrival] = ()) -> None:
        self.data = data
        self._marks: list[tuple[float, int]] = []
        at = 0
        for arrival in arrivals:
            at += arrival.size
            self._marks.append((arrival.at, at))

    def apply(self, edits: Sequence[Edit]) -> None:
        """Make changes; they are in order and none overlaps another."""
        if not edits:
            return
        pieces: list[bytes] = []
        at = 0
        for edit in edits:
            pieces += (self.data[at : edit.start], edit.text)
            at = edit.end
        pieces.append(self.data[at:])
        self.data = b"".join(pieces)
        if self._marks:
            self._marks = _moved(self._marks, edits)

    def arrivals(self) -> tuple[Arrival, ...]:
        """The pieces in which the body came: a change inside one moves its end, never another's bytes."""
        ends = [0, *(end for _, end in self._marks)]
        return tuple(
            Arrival(at=at, size=end - begin) for (at, end), begin in zip(self._marks, ends[:-1], strict=True)
        )


def _moved(marks: Sequence[tuple[float, int]], edits: Sequence[Edit]) -> list[tuple[float, int]]:
    moved: list[tuple[float, int]] = []
    shift = index = 0
    for at, mark in marks:
        while index < len(edits) and edits[index].end <= mark:
            shift += len(edits[index].text) - (edits[index].end - edits[index].start)
            index += 1
        inside = index < len(edits) and edits[index].start < mark
        if inside:
            edit = edits[index]
            moved.append((at, edit.start + shift + min(mark - edit.start, len(edit.text))))
        else:
            moved.append((at, mark + shift))
    return moved
