"""A marked test from its set-up to its end."""

from __future__ import annotations

import os
import shlex
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from tokentape.recorder.cassette.errors import CassetteError
from tokentape.recorder.cassette.interaction import Cassette, Ending
from tokentape.recorder.cassette.store import load
from tokentape.recorder.testing.budgets import exceeded
from tokentape.recorder.testing.cassette import OpenCassette
from tokentape.recorder.testing.deck import Deck
from tokentape.recorder.testing.guard import guarding
from tokentape.recorder.testing.hosts import Places
from tokentape.recorder.testing.keeping import keep
from tokentape.recorder.testing.naming import SUFFIX, folder_of, name_of
from tokentape.recorder.testing.other_clients import asking_through_vcrpy
from tokentape.recorder.testing.settings import Record, Settings, SettingsError, Unplayed, Write, settle
from tokentape.recorder.testing.transports import asking
from tokentape.recorder.testing.verdicts import PROPERTY, line_of

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

KEY: Final = "replayed-needs-no-key"
_CREDENTIALS: Final = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
MARKER: Final = "tokentape"


@contextmanager
def opened(
    item: pytest.Item, command_line: Mapping[str, Any], module: Mapping[str, Any], ini: Mapping[str, Any]
) -> Generator[tuple[OpenCassette, Deck]]:
    """The cassette of a test while the test runs; afterwards it is written, if it is to be.

    Args:
        item: the test, with its markers.
        command_line: what was asked for on it.
        module: what the module's fixture says.
        ini: what the ini file says.
    """
    settings = _settings(item, command_line, module, ini)
    path = path_of(item, settings)
    exists = path.exists()
    live = settings.record is not Record.NONE and not (settings.record is Record.ONCE and exists)
    plays = exists and settings.record not in {Record.ALL, Record.REWRITE}
    try:
        cassette = load(path) if plays else Cassette()
    except CassetteError as error:
        pytest.fail(str(error), pytrace=False)
    places = Places((settings.upstream, os.environ.get("ANTHROPIC_BASE_URL", "")), settings.hosts)
    hint = f"To record it: {command(item, exists=exists)}"
    deck = Deck(cassette.interactions, settings, live=live, places=places, name=shown(path), hint=hint)
    found = OpenCassette(path, settings, deck)
    with ExitStack() as stack:
        if not live:
            stack.enter_context(guarding(deck.blocked))
            stack.enter_context(_credential())
        stack.enter_context(asking(deck))
        stack.enter_context(asking_through_vcrpy(deck))
        yield found, deck
    _end(item, found, deck)


def path_of(item: pytest.Item, settings: Settings) -> Path:
    """Where the cassette of a test is."""
    folder = folder_of(item.path)
    if settings.cassette:
        name = settings.cassette
        return folder / (name if name.endswith((".yaml", ".yml", ".json")) else name + SUFFIX)
    owner = getattr(item, "cls", None)
    return folder / name_of(item.name, owner.__name__ if owner else "")


def command(item: pytest.Item, *, exists: bool) -> str:
    """What to run to record a test."""
    start = item.config.invocation_params.dir
    file, separator, rest = item.nodeid.partition("::")
    try:
        file = os.path.relpath(item.path, start)
    except ValueError:  # another drive, on Windows
        file = str(item.path)
    mode = Record.REWRITE if exists else Record.ONCE
    return shlex.join(["pytest", f"{file}{separator}{rest}", f"--tokentape-record={mode}"])


def shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    try:
        return os.path.relpath(path)
    except ValueError:
        return str(path)


def judge(cassette: OpenCassette) -> list[str]:
    """What makes a test fail that passed by itself."""
    wrong = cassette.refusals()
    if wrong:
        return wrong
    wrong += exceeded(cassette.exchanges, cassette.settings)
    left = cassette.unplayed() if cassette.settings.unplayed is Unplayed.FAIL else ()
    if left:
        named = "\n".join(f"  {one.request.method} {one.request.uri}" for one in left)
        wrong.append(f"{len(left)} recorded and never asked for, in {shown(cassette.path)}:\n{named}")
    return wrong


def _settings(
    item: pytest.Item, command_line: Mapping[str, Any], module: Mapping[str, Any], ini: Mapping[str, Any]
) -> Settings:
    markers = [_marked(marker) for marker in item.iter_markers(MARKER)]
    try:
        return settle([ini, module, *reversed(markers), command_line])
    except SettingsError as error:
        pytest.fail(str(error), pytrace=False)


def _marked(marker: pytest.Mark) -> dict[str, Any]:
    """A marker's arguments; one by position is the cassette's name."""
    return dict(zip(("cassette",), marker.args, strict=False)) | dict(marker.kwargs)


@contextmanager
def _credential() -> Generator[None]:
    """A dummy credential where there is none: SDKs refuse to send a request without one."""
    with pytest.MonkeyPatch.context() as patch:
        if not any(os.environ.get(name) for name in _CREDENTIALS):
            patch.setenv(_CREDENTIALS[0], KEY)
        yield


def _end(item: pytest.Item, cassette: OpenCassette, deck: Deck) -> None:
    for take in deck.unfinished():
        take.end(Ending.CLIENT_ABORT)
    item.user_properties.append((PROPERTY, line_of(cassette, passed=cassette.passed)))
    settings = cassette.settings
    if not deck.live or not (cassette.passed or settings.write is Write.ALWAYS):
        return
    try:
        keep(cassette.path, deck.recorded(), settings.record)
    except CassetteError as error:
        pytest.fail(str(error), pytrace=False)
