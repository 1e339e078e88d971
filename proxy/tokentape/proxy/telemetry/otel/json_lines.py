"""The request log: the event of each call as one line of JSON, on stdout or in a file that is rotated."""

from __future__ import annotations

import contextlib
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tokentape.proxy.telemetry.otel.attributes import Facts
from tokentape.proxy.telemetry.otel.batches import Batches
from tokentape.proxy.telemetry.otel.events import plain_event
from tokentape.proxy.telemetry.otel.pipeline import Finished, server_attributes

if TYPE_CHECKING:
    from tokentape.proxy.telemetry.otel.config import Exporting, RequestLog
    from tokentape.proxy.telemetry.otel.context import Contexts
    from tokentape.proxy.telemetry.otel.tally import Tally

STDOUT = "-"

_QUEUE = 8192
_BATCH = 256
_DELAY = 0.1

_encode = msgspec.json.Encoder().encode


class LogFile:
    """A file that whole lines are added to; readable by its owner only. `-` is stdout.

    Raises:
        OSError: it cannot be opened, or written to.
    """

    def __init__(self, log: RequestLog) -> None:
        self._log = log
        self._path = Path(log.path)
        self._descriptor = self._opened()
        self._size = 0 if log.path == STDOUT else os.lseek(self._descriptor, 0, os.SEEK_END)
        self._cut = False
        """The last write ended in the middle of a line."""

    def write(self, lines: list[bytes]) -> None:
        """Add lines; a new file is begun where they would make this one too large."""
        data = (b"\n" if self._cut else b"") + b"".join(lines)
        if self._log.path != STDOUT and self._size and self._size + len(data) > self._log.max_bytes:
            self._rotate()
        self._cut = True
        written = 0
        while written < len(data):
            written += os.write(self._descriptor, data[written:])
        self._size += written
        self._cut = False

    def close(self) -> None:
        """Close the file; stdout stays open."""
        if self._log.path != STDOUT:
            os.close(self._descriptor)

    def _opened(self) -> int:
        if self._log.path == STDOUT:
            return sys.stdout.fileno()
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def _rotate(self) -> None:
        """`log` becomes `log.1`, that becomes `log.2`, and so on; the oldest goes."""
        os.close(self._descriptor)
        self._older(self._log.keep).unlink(missing_ok=True)
        for number in range(self._log.keep - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                self._older(number).rename(self._older(number + 1))
        if self._log.keep:
            self._path.rename(self._older(1))
        else:
            self._path.unlink()
        self._descriptor, self._size = self._opened(), 0

    def _older(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


class RequestLogWriter:
    """Writes the event of every call, from a thread of its own."""

    def __init__(self, exporting: Exporting, log: RequestLog, contexts: Contexts, tally: Tally) -> None:
        """Raises: OSError: the file cannot be opened."""
        self._facts = Facts(exporting.edition)
        self._contexts = contexts
        self._constant = server_attributes(exporting)
        self._tally = tally
        self._file = LogFile(log)
        self._batches = Batches[Finished](
            "request-log",
            self._write,
            lambda reason, lost: tally.lose(reason, len(lost)),
            queue=_QUEUE,
            batch=_BATCH,
            delay=_DELAY,
        )
        self.put = self._batches.put
        self.start = self._batches.start

    def close(self, seconds: float) -> None:
        """Write what has come."""
        self._batches.close(seconds)
        self._file.close()

    def _write(self, batch: list[Finished]) -> None:
        self._file.write([self._line(finished) for finished in batch])
        self._tally.sent += len(batch)

    def _line(self, finished: Finished) -> bytes:
        call = finished.call
        at = datetime.fromtimestamp(call.ended_at, UTC).isoformat(timespec="milliseconds")
        event = plain_event(self._facts, self._contexts, call, finished.bill, self._constant)
        return _encode({"time": at.replace("+00:00", "Z"), **event}) + b"\n"
