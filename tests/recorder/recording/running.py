"""A recorder in a thread of the test, and whatever a courier hands it."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Self

import msgspec

from tokentape.recorder.recording.process import RecorderConfig, open_recorder
from tokentape.recorder.scrubbing.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tokentape.recorder.recording.outcome import Outcome


class Place:
    """Where a recording goes, and the socket that outlives its recorders."""

    def __init__(self, folder: Path, listener: socket.socket) -> None:
        self.folder = folder
        self.tape = folder / "tape"
        self.tape.mkdir()
        self.socket = str(folder / "recorder.sock")
        self._listener = listener
        listener.bind(self.socket)
        listener.listen()
        self.policy(Policy())

    def policy(self, policy: Policy) -> None:
        """What is redacted."""
        (self.folder / "policy.json").write_bytes(msgspec.json.encode(policy))

    def accept(self) -> socket.socket:
        """Be a recorder that is there, and no more."""
        return self._listener.accept()[0]

    @contextmanager
    def recorder(self, *, limit: int = 1 << 30) -> Generator[RunningRecorder]:
        """A recorder that works off everything before the context is left."""
        lifeline, end = os.pipe()
        config = RecorderConfig(
            listener=os.dup(self._listener.fileno()),
            lifeline=lifeline,
            target=str(self.tape),
            claim=-1,
            by_session=True,
            idle_seconds=3600,
            limit=limit,
            outcome_file=str(self.folder / "outcome.json"),
            policy_file=str(self.folder / "policy.json"),
        )
        try:
            with RunningRecorder(config) as running:
                yield running
        finally:
            os.close(lifeline)
            os.close(end)


class RunningRecorder:
    """A recorder at work."""

    def __init__(self, config: RecorderConfig) -> None:
        self._recorder = open_recorder(config)
        self._thread = threading.Thread(target=self._recorder.run)

    @property
    def outcome(self) -> Outcome:
        """What has become of the recording; all of it once the context has been left."""
        return self._recorder.outcome

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._recorder.stop()
        self._thread.join(30)
        assert not self._thread.is_alive()
        self._recorder.close()


@contextmanager
def place(folder: Path) -> Generator[Place]:
    """A place in a folder."""
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        yield Place(folder, listener)
