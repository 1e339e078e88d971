"""Live responses of httpx or httpx2, noted while they pass: each piece goes on at once."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tokentape.recorder.cassette.interaction import Ending as Recorded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator

    from tokentape.recorder.testing.take import Take


@contextmanager
def failing(library: Any, take: Take) -> Generator[None]:
    """End a take as the exception says that leaves the block."""
    try:
        yield
    except library.TimeoutException:
        take.end(Recorded.TIMEOUT)
        raise
    except BaseException as error:
        client = not isinstance(error, library.TransportError)
        take.end(Recorded.CLIENT_ABORT if client else Recorded.UPSTREAM_ABORT)
        raise


def noted(library: Any, response: Any, take: Take) -> Any:
    """A live response, whose body is noted as it passes."""
    reason = response.extensions.get("reason_phrase", b"").decode("ascii", "replace")
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
    take.head(response.status_code, reason, headers)
    sync = isinstance(response.stream, library.SyncByteStream)
    response.stream = _recorders(library)[0 if sync else 1](library, response.stream, take)
    return response


@functools.cache
def _recorders(library: Any) -> tuple[type[Any], type[Any]]:
    """The streams of live bodies, sync and async."""

    class Noted(library.SyncByteStream):  # type: ignore[misc]  # a base that is known at run time only
        def __init__(self, library: Any, stream: Any, take: Take) -> None:
            self._library, self._stream, self._take = library, stream, take

        def __iter__(self) -> Iterator[bytes]:
            with failing(self._library, self._take):
                for piece in self._stream:
                    self._take.data(piece)
                    yield piece
            self._take.end()

        def close(self) -> None:
            self._take.end(Recorded.CLIENT_ABORT)
            self._stream.close()

    class NotedAsync(library.AsyncByteStream):  # type: ignore[misc]  # as above
        def __init__(self, library: Any, stream: Any, take: Take) -> None:
            self._library, self._stream, self._take = library, stream, take

        async def __aiter__(self) -> AsyncIterator[bytes]:
            with failing(self._library, self._take):
                async for piece in self._stream:
                    self._take.data(piece)
                    yield piece
            self._take.end()

        async def aclose(self) -> None:
            self._take.end(Recorded.CLIENT_ABORT)
            await self._stream.aclose()

    return Noted, NotedAsync
