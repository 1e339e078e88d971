"""What holds for one test, and which of four places decides.

Precedence, the first that says something: the command line (`--tokentape-record`), the marker
(`@pytest.mark.tokentape(record="once")`, the nearest one first), the fixture `tokentape_config` of the
module, and the ini file (`tokentape_record`). Only `redact`, `volatile` and `hosts` have no option on the
command line: what is kept secret is no matter of one run.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import msgspec

from tokentape.recorder.matching.rules import Rules, RulesError
from tokentape.recorder.matching.verdict import AfterLast, Mode
from tokentape.recorder.replay.asking import API
from tokentape.recorder.scrubbing.policy import Policy, PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class SettingsError(Exception):
    """Settings that cannot be followed. Its text is one sentence for the user."""


class Record(enum.StrEnum):
    """When a request may go live."""

    NONE = "none"
    """Never: what is not recorded is a miss."""
    ONCE = "once"
    """Where there is no cassette yet; it is recorded then."""
    NEW_EPISODES = "new_episodes"
    """Where no recording answers it; it is added then."""
    ALL = "all"
    """Always; the cassette is replaced."""
    REWRITE = "rewrite"
    """Always; the cassette is replaced, and removed where nothing was asked."""


class Unplayed(enum.StrEnum):
    """What becomes of a test that did not ask for all that its cassette holds."""

    IGNORE = "ignore"
    REPORT = "report"
    FAIL = "fail"


class Write(enum.StrEnum):
    """When a cassette is written."""

    PASSED = "passed"
    """Only if the test passed."""
    ALWAYS = "always"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds for one test; each field is a marker argument and an ini key `tokentape_...` of its name."""

    record: Record = Record.NONE
    match: Mode = Mode.STRICT
    after_last: AfterLast = AfterLast.FAIL
    unplayed: Unplayed = Unplayed.REPORT
    write: Write = Write.PASSED
    cassette: str = ""
    """The cassette's file, from the folder of the module's cassettes on; empty: by the test's name."""
    upstream: str = API
    """The base_url that a recording of `tokentape_server` asks, and that counts as the API everywhere."""
    hosts: tuple[str, ...] = ()
    """Other hosts whose exchanges are recorded in the same cassette."""
    max_usd: float | None = None
    max_calls: int | None = None
    max_tokens: int | None = None
    redact: Policy = Policy()
    volatile: Rules = Rules()


def settle(layers: Iterable[Mapping[str, Any]]) -> Settings:
    """The settings of layers, of which the later ones win.

    Raises:
        SettingsError: a layer has an unknown key, or a value that is none.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        merged.update(layer)
    known = Settings.__struct_fields__
    if unknown := [key for key in merged if key not in known]:
        raise SettingsError(f"tokentape knows no setting {unknown[0]!r}: use one of {', '.join(known)}.")
    try:
        return msgspec.convert(merged, Settings)
    except (msgspec.ValidationError, RulesError, PolicyError) as error:
        raise SettingsError(f"A setting of tokentape cannot be followed: {error}.") from None
