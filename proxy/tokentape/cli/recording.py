"""A recording as a proxy needs it: a target that is ours, and the process that writes to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from tokentape.cli.errors import FailedError
from tokentape.cli.listeners import listen_privately
from tokentape.cli.observer_process import Spooling
from tokentape.recorder.cassette.errors import CassetteError
from tokentape.recorder.cassette.store import claim
from tokentape.recorder.recording.claiming import ExistsError, claim_cassette, claim_folder, let_go
from tokentape.recorder.recording.journal import JournalError
from tokentape.recorder.recording.outcome import read_outcome
from tokentape.recorder.recording.process import RecorderConfig
from tokentape.recorder.recording.takes import REASONS
from tokentape.recorder.scrubbing.policy import Policy

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterator

    from tokentape.cli.options import Settings
    from tokentape.recorder.recording.claiming import Claimed
    from tokentape.recorder.recording.outcome import Outcome
    from tokentape.recorder.recording.takes import Loss

_LONG_SECONDS: Final = 2.0
_SHOWN: Final = 20
"""Losses that are listed one by one."""


class Recording:
    """A target that is locked for us, and how its recorder is started."""

    def __init__(self, target: Path, claimed: Claimed, settings: Settings, *, by_session: bool) -> None:
        self.target = target
        self._claimed = claimed
        self._settings = settings
        self._by_session = by_session
        self.observers_end: int
        """The end of the recorder's lifeline that observers hold open."""
        self._limit = int(settings.record_max * 1024 * 1024)

    @contextlib.contextmanager
    def opened(self, private: Path) -> Generator[None]:
        """What the processes share, in a folder of this run's own."""
        self._socket = private / "recorder.sock"
        self._outcome = private / "recorded.json"
        self._policy = private / "policy.json"
        policy = msgspec.convert(self._settings.redact, Policy)
        with os.fdopen(os.open(self._policy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(policy))
        self._lifeline, self.observers_end = os.pipe()
        try:
            with listen_privately(self._socket) as self._links:
                yield
        finally:
            os.close(self._lifeline)
            os.close(self.observers_end)

    def process(self) -> RecorderConfig:
        """What the recorder is told."""
        return RecorderConfig(
            listener=self._links.fileno(),
            lifeline=self._lifeline,
            target=str(self.target),
            claim=self._claimed.descriptor,
            by_session=self._by_session,
            idle_seconds=self._settings.record_idle * 60,
            limit=self._limit,
            outcome_file=str(self._outcome),
            policy_file=str(self._policy),
        )

    def spooling(self) -> Spooling:
        """What the observer is told."""
        folder = self.target if self._by_session else self.target.parent
        return Spooling(recorder=str(self._socket), folder=str(folder), limit=self._limit)

    def progress(self) -> contextlib.AbstractAsyncContextManager[None]:
        """A context for the end, when the rest is written."""
        return _progress()

    def outcome(self) -> Outcome:
        """What has become of it."""
        return read_outcome(self._outcome)


@contextlib.contextmanager
def recording_to_cassette(path: str, settings: Settings) -> Generator[Recording]:
    """A recording of one session to one cassette.

    Raises:
        FailedError: it exists, somebody else writes it, or it cannot be written.
    """
    target = Path(path).resolve()
    if target.suffix not in {".yaml", ".yml", ".json"}:
        raise FailedError(f"{path} must end in .yaml or .json: that is how a cassette's format is told.")
    with _explained(target), claim(target):
        claimed = claim_cassette(target, append=settings.append, overwrite=settings.overwrite)
        if claimed.recovered is not None:
            click.echo(
                f"tokentape: an earlier recording of {target.name} was cut short, and has been written "
                f"({_counted(claimed.recovered.interactions, 'interaction')}).",
                err=True,
            )
        try:
            yield Recording(target, claimed, settings, by_session=False)
        finally:
            let_go(target, claimed)


@contextlib.contextmanager
def recording_to_folder(settings: Settings) -> Generator[Recording | None]:
    """A recording of each session to a cassette of its own, where that is asked for.

    Raises:
        FailedError: somebody else records to the folder, or it cannot be written.
    """
    if not settings.record:
        yield None
        return
    target = Path(settings.record).resolve()
    with _explained(target):
        claimed = claim_folder(target)
        try:
            yield Recording(target, claimed, settings, by_session=True)
        finally:
            os.close(claimed.descriptor)


@contextlib.contextmanager
def _explained(target: Path) -> Generator[None]:
    try:
        yield
    except (ExistsError, JournalError, CassetteError) as error:
        raise FailedError(str(error)) from None
    except OSError as error:
        raise FailedError(f"{target} cannot be recorded to: {error.strerror}.") from None


def report(outcome: Outcome) -> Iterator[str]:
    """What became of a recording, line by line."""
    for finished in outcome.finished:
        yield f"{_counted(finished.interactions, 'interaction')} recorded in {shown(finished.cassette)}"
    if not outcome.finished and not outcome.errors:
        yield "nothing was recorded"
    yield from map(loss_line, outcome.losses[:_SHOWN])
    if more := len(outcome.losses[_SHOWN:]) + outcome.more_losses:
        yield f"not recorded: {more:,} more"
    if outcome.unseen:
        yield f"not recorded: {_counted(outcome.unseen, 'call')} that the observer never saw"
    yield from outcome.errors


def loss_line(loss: Loss) -> str:
    """One exchange that was lost."""
    at = time.strftime("%H:%M:%S", time.localtime(loss.at))
    named = f" ({loss.request_id})" if loss.request_id else ""
    return f"not recorded: {loss.endpoint} at {at}{named}: {REASONS.get(loss.reason, loss.reason)}"


def shown(path: str) -> str:
    """A path as short as it can be said from here."""
    with contextlib.suppress(ValueError):
        return str(Path(path).relative_to(Path.cwd()))
    return path


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@contextlib.asynccontextmanager
async def _progress() -> AsyncGenerator[None]:
    """While the rest of a recording is written: say so on a terminal, where it takes long."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    status = Console(stderr=True).status("Writing what was recorded; Ctrl-C again leaves it in the journal.")
    timer = asyncio.get_running_loop().call_later(_LONG_SECONDS, status.start)
    try:
        yield
    finally:
        timer.cancel()
        status.stop()
