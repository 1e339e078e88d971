"""Plain YAML from libyaml's events: what the loader makes of it, in half the time.

Cassettes of other recorders are mappings, lists and strings. Those need no tree of nodes in between, and
the same few plain words are resolved once. Whatever is rarer (names for values, tags, merged keys) is left
to the loader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml
from yaml.events import (
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)
from yaml.nodes import ScalarNode

if TYPE_CHECKING:
    from collections.abc import Callable

_STRING: Final = "tag:yaml.org,2002:str"
_BINARY: Final = "tag:yaml.org,2002:binary"
_PLAIN: Final = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "timestamp")
)


class _Rare(Exception):  # noqa: N818  # no error: the loader goes on
    """Something that this reader leaves to the loader."""


def load(text: str, loader: Any) -> Any:
    """The document in `text`, as `yaml.load(text, loader)` has it, errors included."""
    if issubclass(loader, getattr(yaml, "CSafeLoader", ())):
        try:
            return _Reader(loader(text)).document()
        except (_Rare, yaml.YAMLError, TypeError, ValueError, RecursionError):
            pass  # once more, for what it says or finds wrong
    return yaml.load(text, loader)  # noqa: S506  # a safe loader, by its caller


class _Reader:
    """Reads one document."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self._next: Callable[[], Any] = parser.get_event
        self._resolved: dict[str, Any] = {}

    def document(self) -> Any:
        self._expect(StreamStartEvent)
        self._expect(DocumentStartEvent)
        found = self._value(self._next())
        self._expect(DocumentEndEvent)
        self._expect(StreamEndEvent)
        return found

    def _expect(self, kind: type[object]) -> None:
        if type(self._next()) is not kind:
            raise _Rare

    def _value(self, event: Any) -> Any:
        kind: type[object] = event.__class__
        if kind is ScalarEvent:
            return self._scalar(event)
        if event.anchor is not None or event.tag is not None:
            raise _Rare
        if kind is MappingStartEvent:
            return self._mapping()
        if kind is SequenceStartEvent:
            return self._sequence()
        raise _Rare

    def _mapping(self) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        following = self._next
        while type(key := following()) is not MappingEndEvent:
            name = self._value(key)
            found[name] = self._value(following())
        return found

    def _sequence(self) -> list[Any]:
        found: list[Any] = []
        following = self._next
        while type(event := following()) is not SequenceEndEvent:
            found.append(self._value(event))
        return found

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if event.anchor is not None:
            raise _Rare
        if event.tag is not None:
            return self._binary(event)
        if not event.implicit[0]:
            return text
        if text in self._resolved:
            return self._resolved[text]
        found = self._resolved[text] = self._plain(text)
        return found

    def _plain(self, text: str) -> Any:
        """What an unquoted word means."""
        tag = self._parser.resolve(ScalarNode, text, (True, False))
        if tag == _STRING:
            return text
        if tag not in _PLAIN:
            raise _Rare
        return self._parser.construct_object(ScalarNode(tag, text))

    def _binary(self, event: Any) -> Any:
        if event.tag != _BINARY:
            raise _Rare
        return self._parser.construct_object(ScalarNode(event.tag, event.value))
