"""Starts one observer and its workers, starts each again when it dies, and ends them in order.

So it does with a recorder, where there is one. Nothing else: what the processes do is in their commands,
what they share (listening sockets, the lifeline) is made by the caller and inherited.

What holds, and is tested:

- Sockets outlive processes. A worker that dies takes its own connections along and no others; links
  to a dead observer queue until its successor accepts them.
- Workers end before the observer, so that it hears of the last calls.
- The write end of the lifeline is here alone. When the supervisor dies, however it dies, the others
  read the end of that pipe, drain, and end: no orphans.
- Before `ready` was called, a process that keeps dying is a wrong set-up, and the supervisor gives up.
  After it, traffic depends on us: whatever dies is started again for ever, ever more slowly.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from time import monotonic
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

_BACKOFF_SECONDS: Final = (0.05, 0.1, 0.3, 1.0, 3.0, 5.0)
"""How long to wait before a process is started again, by how often it died young in a row."""
_YOUNG_SECONDS: Final = 10.0
_DEATHS_AT_START: Final = 5
_WORKER_MARGIN_SECONDS: Final = 7.0
"""Beside the drain: a worker awaits the last acknowledgements for up to 5 s."""
_OBSERVER_SECONDS: Final = 10.0
_RECORDER_SECONDS: Final = 3600.0
"""A recorder writes all that waits before it ends; `kill` cuts that short, too."""


class SupervisorError(Exception):
    """A process could not be kept alive; the message says which, in one sentence."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A process to keep alive."""

    name: str
    """As it is called in messages, such as `relay worker 0`."""
    argv: tuple[str, ...]
    """Readable by every user of the machine: no secrets."""
    fds: tuple[int, ...]
    """File descriptors that it inherits under the same numbers."""


class Lifeline:
    """A pipe that ends when this process does."""

    def __init__(self) -> None:
        self.read_end, self._write_end = os.pipe()

    def close(self) -> None:
        """Let the pipe end now."""
        os.close(self.read_end)
        os.close(self._write_end)


class _Slot:
    """One process, and those that come after it."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.process: asyncio.subprocess.Process | None = None
        self.keeper: asyncio.Task[None] | None = None
        """What starts the process again."""
        self.deaths = 0
        """How often in a row the process died young."""

    async def spawn(self) -> asyncio.subprocess.Process:
        """Start the process in a session of its own: Ctrl-C on the terminal is for the supervisor only."""
        self.process = await asyncio.create_subprocess_exec(
            *self.command.argv,
            pass_fds=self.command.fds,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self.process

    def signal(self, number: int) -> None:
        """Signal the process, where there is one."""
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    async def end(self, seconds: float) -> None:
        """Ask the process to end, for good; kill it when it has not after `seconds`."""
        if self.keeper is not None:
            self.keeper.cancel()
            await asyncio.wait([self.keeper])
        if self.process is None:
            return
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(seconds):
                await self.process.wait()
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self.process.wait()


class Supervisor:
    """Keeps an observer and its workers alive until `stop`.

    Args:
        observer: started first, ended last.
        workers: the processes that carry traffic.
        drain: seconds that workers may take to finish what is under way; they know it themselves.
        recorder: what the observer hands recordings to, started before it and ended behind it.
    """

    def __init__(
        self,
        observer: Command,
        workers: Sequence[Command],
        *,
        drain: float,
        recorder: Command | None = None,
    ) -> None:
        self._observer = _Slot(observer)
        self._workers = [_Slot(worker) for worker in workers]
        self._recorders = [_Slot(recorder)] if recorder else []
        self._drain = drain
        self._failure: asyncio.Future[None]
        self._started = False

    async def start(self) -> None:
        """Start every process once; from here on each is started again when it dies.

        Raises:
            SupervisorError: a process could not even be started.
        """
        loop = asyncio.get_running_loop()
        self._failure = loop.create_future()
        self._failure.add_done_callback(_seen)
        for slot in self._slots():
            try:
                await slot.spawn()
            except OSError as error:
                await self.stop()
                raise SupervisorError(f"The {slot.command.name} could not be started: {error}.") from error
            slot.keeper = loop.create_task(self._keep(slot))

    def ready(self) -> None:
        """The caller has seen that everything answers: from now on nothing makes us give up."""
        self._started = True

    async def failed(self) -> None:
        """Wait until the supervisor gives up; never returns.

        Raises:
            SupervisorError: which process died again and again.
        """
        await asyncio.shield(self._failure)

    async def stop(self) -> None:
        """End the workers, which drain, then the observer, then the recorder. `kill` cuts it short."""
        seconds = self._drain + _WORKER_MARGIN_SECONDS
        await asyncio.gather(*(slot.end(seconds) for slot in self._workers))
        await self._observer.end(_OBSERVER_SECONDS)
        for recorder in self._recorders:
            await recorder.end(_RECORDER_SECONDS)

    def kill(self) -> None:
        """End every process now, for good; what is under way breaks off."""
        for slot in self._slots():
            if slot.keeper is not None:
                slot.keeper.cancel()
            slot.signal(signal.SIGKILL)
        self._give_up("The proxy was told to end before it was ready.")

    def _slots(self) -> list[_Slot]:
        return [*self._recorders, self._observer, *self._workers]

    async def _keep(self, slot: _Slot) -> None:
        while slot.process is not None:
            born = monotonic()
            status = await slot.process.wait()
            slot.deaths = slot.deaths + 1 if monotonic() - born < _YOUNG_SECONDS else 1
            if slot.deaths >= _DEATHS_AT_START and not self._started:
                self._give_up(_why(slot.command.name, status))
                return
            await asyncio.sleep(_BACKOFF_SECONDS[min(slot.deaths, len(_BACKOFF_SECONDS)) - 1])
            await self._respawn(slot)

    async def _respawn(self, slot: _Slot) -> None:
        """Start again, as often as it takes: the system may be short of processes for a while."""
        while True:
            try:
                await slot.spawn()
            except OSError:
                await asyncio.sleep(_BACKOFF_SECONDS[-1])
            else:
                return

    def _give_up(self, why: str) -> None:
        if not self._failure.done():
            self._failure.set_exception(SupervisorError(why))


def _why(name: str, status: int) -> str:
    how = f"exit status {status}" if status >= 0 else f"signal {-status}"
    return (
        f"The {name} ended {_DEATHS_AT_START} times while starting (last with {how}): "
        "what it wrote above says why."
    )


def _seen(failure: asyncio.Future[None]) -> None:
    """Look at the exception, so that asyncio does not report it as forgotten where nobody waits for it."""
    if not failure.cancelled():
        failure.exception()
