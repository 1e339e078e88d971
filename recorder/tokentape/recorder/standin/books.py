"""The books of faults: one for all calls whose behaviour names the same faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokentape.recorder.faults.book import Book
from tokentape.recorder.faults.chaos import read_chaos
from tokentape.recorder.faults.fault import FaultError
from tokentape.recorder.faults.spec import read_faults
from tokentape.recorder.standin.behaviour import BehaviourError

if TYPE_CHECKING:
    from tokentape.recorder.standin.behaviour import Behaviour

_KNOWN: Final = 1024
"""Books that are kept; beyond them the oldest is forgotten."""


class Books:
    """Finds the book for each behaviour."""

    def __init__(self) -> None:
        self._nothing = Book()
        self._books: dict[tuple[str, str, int], Book] = {}

    def find(self, behaviour: Behaviour) -> Book:
        """The book of a behaviour; an empty one where nothing goes wrong.

        Raises:
            BehaviourError: its faults or its chaos cannot be understood.
        """
        if not (behaviour.fault or behaviour.chaos):
            return self._nothing
        key = behaviour.fault, behaviour.chaos, behaviour.seed
        book = self._books.get(key)
        if book is None:
            if len(self._books) >= _KNOWN:
                self._books.pop(next(iter(self._books)))
            book = self._books[key] = _book(behaviour)
        return book


def _book(behaviour: Behaviour) -> Book:
    try:
        chaos = read_chaos(behaviour.chaos, seed=behaviour.seed) if behaviour.chaos else None
        return Book(read_faults(behaviour.fault), chaos=chaos)
    except FaultError as error:
        raise BehaviourError(str(error)) from None
