"""Plain YAML from libyaml's events: what the loader makes of it, in half the time.

Cassettes are mappings, lists and strings, some of them named and used again. Those need no tree of nodes
in between, and the same few plain words are resolved once. Whatever is rarer (other tags, merged keys) is
left to the loader.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
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

from tokentape.recorder.cassette.yaml_loader import ITERATED, iterated

if TYPE_CHECKING:
    from collections.abc import Callable

_STRING: Final = "tag:yaml.org,2002:str"
_BINARY: Final = "tag:yaml.org,2002:binary"
_PLAIN: Final = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "timestamp")
)


MISFITS: Final = (TypeError, ValueError, LookupError, AttributeError, RecursionError)
"""What constructors raise on values that do not fit their tag."""


_DEEPEST: Final = 400


class _Rare(Exception):  # noqa: N818  # no error: the loader goes on
    """Something that this reader leaves to the loader."""


def load(text: str, loader: Any) -> Any:
    """The document in `text`, as `yaml.load(text, loader)` has it, errors included.

    Raises:
        YAMLError: it is no YAML, or lists stand in lists so deeply that libyaml's loader would crash.
    """
    if issubclass(loader, getattr(yaml, "CSafeLoader", ())):
        try:
            return _Reader(loader(text)).document()
        except (_Rare, yaml.YAMLError, *MISFITS):
            _measure(loader(text))  # then once more, for what it says or finds wrong
    return yaml.load(text, loader)  # noqa: S506  # a safe loader, by its caller


def _measure(parser: Any) -> None:
    """Refuse what is nested too deeply: the loader goes down by recursion in C, without a limit."""
    depth = 0
    with contextlib.suppress(yaml.YAMLError):  # the loader says that better
        while depth <= _DEEPEST and (event := parser.get_event()) is not None:
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
    if depth > _DEEPEST:
        raise yaml.YAMLError("it is nested too deeply")


class _Reader:
    """Reads one document."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self._next: Callable[[], Any] = parser.get_event
        self._resolved: dict[str, Any] = {}
        self._named: dict[str, Any] = {}

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
        if kind is AliasEvent:
            return self._again(event.anchor)
        if kind is ScalarEvent:
            found = self._scalar(event)
        elif kind is MappingStartEvent:
            found = self._tagged(event.tag, self._mapping())
        elif kind is SequenceStartEvent and event.tag is None:
            found = self._sequence()
        else:
            raise _Rare
        if event.anchor is not None:
            self._name(event.anchor, found)
        return found

    def _name(self, anchor: str, found: Any) -> None:
        if anchor in self._named:
            raise _Rare
        self._named[anchor] = found

    def _again(self, anchor: str) -> Any:
        if anchor not in self._named:
            raise _Rare
        return self._named[anchor]

    def _tagged(self, tag: str | None, found: dict[Any, Any]) -> Any:
        if tag is None:
            return found
        if tag != ITERATED:
            raise _Rare
        return iterated(found)

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
