"""The recorder's process: takes come in, scrubbed interactions go into journals, journals become cassettes.

It has no hurry and says so to the system: traffic and metering go first, and what it has not worked off
waits in spools. It ends when it was told to, or its supervisor and all observers are gone.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import selectors
import signal
import socket
from collections import Counter, deque
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.recorder.recording.handover import Batch, Greeting, Inbox, Settled, limit_sending, send
from tokentape.recorder.recording.journal import Kept
from tokentape.recorder.recording.outcome import Outcome, read_outcome, write_outcome
from tokentape.recorder.recording.reading import IncompleteError, NothingToRecordError, interaction_of
from tokentape.recorder.recording.session import session_of
from tokentape.recorder.recording.shelf import Folder, OneJournal
from tokentape.recorder.recording.sink import taken_loss
from tokentape.recorder.recording.spool import read_spool
from tokentape.recorder.recording.takes import read_takes
from tokentape.recorder.scrubbing.policy import Policy
from tokentape.recorder.scrubbing.scrub import scrub

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

    from tokentape.recorder.recording.shelf import Closed, Shelf
    from tokentape.recorder.recording.takes import Take

_NICE: Final = 10
_SETTLE_SECONDS: Final = 0.1
_SEND_SECONDS: Final = 5
_IDLE_CHECK_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)


class RecorderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor tells a recorder. Holds no secrets: it stands on a command line."""

    listener: int
    """File descriptor of the Unix listening socket, held open by the supervisor over restarts."""
    lifeline: int
    """File descriptor of a pipe that ends with the supervisor and all observers."""
    target: str
    """The cassette, or the folder of cassettes."""
    claim: int
    """File descriptor of the locked journal, or of the locked folder."""
    by_session: bool
    """The target is a folder."""
    idle_seconds: float
    limit: int
    """Bytes that the recording may take up."""
    outcome_file: str
    policy_file: str
    """The policy as JSON: its patterns may say what is secret."""


class _Link:
    """One observer's connection."""

    def __init__(self, link: socket.socket) -> None:
        self.socket = link
        self.inbox = Inbox(link)
        self.observer = ""
        self.salt = b""


class _Job:
    """A batch to be worked off."""

    def __init__(self, link: _Link, batch: Batch, descriptor: int | None) -> None:
        self.link = link
        self.batch = batch
        self.descriptor = descriptor
        self.recorded = 0
        self.refused: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()


class Recorder:
    """Works until it is told to end and no observer is left."""

    def __init__(self, config: RecorderConfig, shelf: Shelf, policy: Policy) -> None:
        self._shelf = shelf
        self._policy = policy
        self._limit = config.limit
        self._listener = socket.socket(fileno=config.listener)
        self._listener.setblocking(False)
        self._lifeline = config.lifeline
        self._outcome_file = Path(config.outcome_file)
        self._outcome = read_outcome(self._outcome_file)
        self._selector = selectors.DefaultSelector()
        self._links: set[_Link] = set()
        self._jobs: deque[_Job] = deque()
        self._unsettled: list[_Job] = []
        self._settled_at = monotonic()
        self._looked_at = monotonic()
        self._ending = False
        self._wake_read, self._wake_write = os.pipe()

    @property
    def outcome(self) -> Outcome:
        """What has become of the recording so far."""
        return self._outcome

    def stop(self) -> None:
        """End once no observer is left. Safe to call from a signal handler."""
        os.write(self._wake_write, b".")

    def run(self) -> None:
        """Work; returns when all is finished."""
        register = self._selector.register
        register(self._listener, selectors.EVENT_READ, self._accept)
        register(self._lifeline, selectors.EVENT_READ, self._all_gone)
        register(self._wake_read, selectors.EVENT_READ, self._told_to_end)
        while not self._finished():
            self._look(0 if self._jobs else self._patience())
            if self._jobs:
                self._work(self._jobs.popleft())
            self._settle()
            self._close_idle()
        self._report(self._shelf.close())
        write_outcome(self._outcome_file, self._outcome)

    def close(self) -> None:
        """Let go of everything, once `run` has returned."""
        for link in list(self._links):
            self._drop(link)
        self._selector.close()
        self._listener.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _patience(self) -> float:
        return _SETTLE_SECONDS if self._unsettled or self._ending else _IDLE_CHECK_SECONDS

    def _finished(self) -> bool:
        return self._ending and not self._links and not self._jobs and not self._unsettled

    def _told_to_end(self) -> None:
        os.read(self._wake_read, 64)
        self._ending = True
        self._accept()

    def _all_gone(self) -> None:
        self._selector.unregister(self._lifeline)
        self._ending = True
        self._accept()

    # Links.

    def _look(self, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
            if isinstance(key.data, _Link):
                self._receive(key.data)
            else:
                key.data()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            link = _Link(accepted)
            limit_sending(accepted, _SEND_SECONDS)
            self._links.add(link)
            self._selector.register(accepted, selectors.EVENT_READ, link)

    def _receive(self, link: _Link) -> None:
        try:
            messages = link.inbox.receive()
        except BlockingIOError:
            return
        except (OSError, EOFError, msgspec.MsgspecError):
            self._drop(link)
            return
        for message, descriptor in messages:
            if isinstance(message, Greeting):
                link.observer, link.salt = message.observer, message.salt
            elif isinstance(message, Batch):
                self._jobs.append(_Job(link, message, descriptor))

    def _drop(self, link: _Link) -> None:
        if link in self._links:
            self._links.discard(link)
            self._selector.unregister(link.socket)
            link.inbox.close()
            link.socket.close()

    # Work.

    def _work(self, job: _Job) -> None:
        """Work a batch off; what its observer sends meanwhile is taken in, so that it is here to stay."""
        takes = self._takes(job)
        known = self._outcome.observers.get(job.link.observer)
        if known is None or known.batch < job.batch.number:
            for take in takes:
                self._take(job, take)
                self._look(0)
            self._outcome.heard(job.link.observer, job.batch)
        self._unsettled.append(job)

    def _takes(self, job: _Job) -> Iterable[Take]:
        if job.descriptor is None:
            return ()
        try:
            return read_takes(read_spool(job.descriptor, job.batch.size))
        except OSError:
            # Its exchanges were counted as seen: nobody can say what they were.
            self._outcome.more_losses += 1
            job.lost["disk_error"] += 1
            return ()

    def _take(self, job: _Job, take: Take) -> None:
        try:
            reason = self._keep(job, take)
        except NothingToRecordError as nothing:
            job.refused[nothing.reason] += 1
            self._outcome.refused[nothing.reason] = self._outcome.refused.get(nothing.reason, 0) + 1
            return
        except IncompleteError as incomplete:
            reason = incomplete.reason
        except OSError as error:
            _log.error("What was recorded cannot be written: %s.", error.strerror)
            reason = "disk_error"
        except Exception as error:  # noqa: BLE001 - whatever a reply does to us, the next one is recorded
            # Its text may hold what was said.
            _log.error("An exchange could not be read: %s.", type(error).__name__)
            reason = "unreadable"
        if reason:
            job.lost[reason] += 1
            self._outcome.lose(taken_loss(take, reason))

    def _keep(self, job: _Job, take: Take) -> str:
        """Put a take into its journal; why not, where that cannot be."""
        interaction, labels = interaction_of(take)
        session = session_of(interaction.request, labels, job.link.salt) if self._shelf.by_session else ""
        kept = Kept(
            worker=take.origin.worker,
            exchange=take.frames[0].exchange,
            interaction=scrub(interaction, self._policy),
        )
        if self._shelf.used() > self._limit:
            return "disk_limit"
        journal = self._shelf.journal(session)
        if not journal.has(kept.worker, kept.exchange):
            journal.append(kept)
            self._outcome.recorded += 1
            job.recorded += 1
        return ""

    def _settle(self) -> None:
        """Tell observers what has been worked off; what that came to is written down first."""
        now = monotonic()
        if not self._unsettled or (self._jobs and now - self._settled_at < _SETTLE_SECONDS):
            return
        self._settled_at = now
        write_outcome(self._outcome_file, self._outcome)
        jobs, self._unsettled = self._unsettled, []
        used = self._shelf.used()
        for job in jobs:
            settled = Settled(
                number=job.batch.number,
                recorded=job.recorded,
                refused=job.refused,
                lost=job.lost,
                used=used,
            )
            try:
                send(job.link.socket, settled)
            except OSError:
                self._drop(job.link)

    def _close_idle(self) -> None:
        now = monotonic()
        if not self._jobs and now - self._looked_at >= _IDLE_CHECK_SECONDS:
            self._looked_at = now
            self._report(self._shelf.close_idle())

    def _report(self, closed: Iterable[Closed]) -> None:
        for each in closed:
            if each.finished is not None:
                self._outcome.finished.append(each.finished)
            if each.error:
                _log.error("%s", each.error)
                self._outcome.errors.append(each.error)
            write_outcome(self._outcome_file, self._outcome)


def open_recorder(config: RecorderConfig) -> Recorder:
    """A recorder with the shelf that was asked for.

    Raises:
        JournalError: the journal is none.
        OSError: the target cannot be read.
    """
    target = Path(config.target)
    policy = msgspec.json.decode(Path(config.policy_file).read_bytes(), type=Policy)
    shelf = Folder(target, config.idle_seconds) if config.by_session else OneJournal(target, config.claim)
    return Recorder(config, shelf, policy)


def run_recorder(config: RecorderConfig) -> None:
    """Record in this process until SIGTERM, or until the supervisor is gone, and the observer with it."""
    logging.basicConfig(format="tokentape recorder: %(message)s")
    _leave_no_core()
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    recorder = open_recorder(config)

    def stop(_number: int, _frame: FrameType | None) -> None:
        recorder.stop()

    signal.signal(signal.SIGTERM, stop)
    # Ctrl-C on a terminal reaches the whole group: the supervisor decides what follows.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    recorder.run()


def _leave_no_core() -> None:
    """What it holds in memory was on the wire: no core file of it."""
    import resource  # noqa: PLC0415 - not on Windows, where nothing is recorded behind a base_url

    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
