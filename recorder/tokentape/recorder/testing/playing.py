"""Replayed replies as responses of httpx or httpx2, which have the same classes.

A wait that is longer than the client's read timeout is not waited for: the timeout comes at once.
"""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any, Final

from tokentape.recorder.testing.script import script_of
from tokentape.recorder.wire.answer import Ending
from tokentape.recorder.wire.body import PING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tokentape.recorder.testing.script import Script
    from tokentape.recorder.wire.reply import Reply

_HELD: Final = 3600.0
"""Seconds: longer than any read timeout that a test has."""


class Play:
    """A reply that is played to a client."""

    def __init__(self, library: Any, request: Any, reply: Reply) -> None:
        self.script: Script = script_of(reply)
        self._library = library
        self._request = request
        timeouts: dict[str, float | None] = request.extensions.get("timeout") or {}
        self._patience = timeouts.get("read") or _HELD

    def begin(self, sleep: Callable[[float], object]) -> None:
        """Up to the head; raises where there is none."""
        if self.script.wait:
            sleep(self.checked(self.script.wait))
        if not self.script.answered:
            raise self._broken(head=True)

    def checked(self, seconds: float) -> float:
        """A wait that the client has patience for: with a longer one, its timeout comes at once."""
        if seconds > self._patience:
            raise self._library.ReadTimeout("The read operation timed out", request=self._request)
        return seconds

    def response(self, stream: Any) -> Any:
        """The head, with its body as a stream."""
        script = self.script
        raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in script.headers]
        reason = script.reason.encode("ascii", "replace")
        return self._library.Response(
            script.status,
            headers=raw,
            stream=stream,
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": reason},
        )

    def ended(self) -> float:
        """After the last part: the seconds to the next ping, if the stream hangs.

        Raises:
            Exception: the library's own, where the connection broke.
        """
        ending = self.script.ending
        if ending == Ending.HANG:
            return self.checked(self.script.ping_seconds or 2 * self._patience)
        if ending in {Ending.CUT, Ending.RESET}:
            raise self._broken(head=False)
        return 0.0

    def _broken(self, *, head: bool) -> Exception:
        library = self._library
        if self.script.ending == Ending.RESET:
            error: Exception = library.ReadError(
                "[Errno 104] Connection reset by peer", request=self._request
            )
        elif head:
            text = "Server disconnected without sending a response."
            error = library.RemoteProtocolError(text, request=self._request)
        else:
            text = "peer closed connection without sending complete message body (incomplete chunked read)"
            error = library.RemoteProtocolError(text, request=self._request)
        return error


async def sleep(seconds: float) -> None:
    """Wait, in whichever event loop this is."""
    import anyio  # noqa: PLC0415 - httpx needs it for async clients, so it is there

    await anyio.sleep(seconds)


@functools.cache
def stream_of(library: Any) -> type[Any]:
    """The type of a replayed body."""

    class Played(library.SyncByteStream):  # type: ignore[misc]  # a base that is known at run time only
        def __init__(self, play: Play) -> None:
            self._play = play

        def __iter__(self) -> Iterator[bytes]:
            for step in self._play.script.steps:
                if step.wait:
                    time.sleep(self._play.checked(step.wait))
                yield step.data
            while seconds := self._play.ended():
                time.sleep(seconds)
                yield PING

    return Played


@functools.cache
def async_stream_of(library: Any) -> type[Any]:
    """The type of a replayed body of an async client."""

    class PlayedAsync(library.AsyncByteStream):  # type: ignore[misc]  # as above
        def __init__(self, play: Play) -> None:
            self._play = play

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for step in self._play.script.steps:
                if step.wait:
                    await sleep(self._play.checked(step.wait))
                yield step.data
            while seconds := self._play.ended():
                await sleep(seconds)
                yield PING

    return PlayedAsync
