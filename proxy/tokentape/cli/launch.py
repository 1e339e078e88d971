"""A whole proxy, from settings: sockets, processes, and the two questions that prove it is there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING, Final, Self

import msgspec

from tokentape.cli.errors import FailedError
from tokentape.cli.exporting import plan, write_exporting
from tokentape.cli.listeners import PrivateFolder, listen_privately, open_port
from tokentape.cli.observer_process import Money, ObserverProcess, write_money
from tokentape.cli.totals import read_totals
from tokentape.cli.values import Address
from tokentape.proxy.http1.server import Limits
from tokentape.proxy.relay.worker import WorkerConfig
from tokentape.proxy.supervisor import Command, Lifeline, Supervisor, SupervisorError

if TYPE_CHECKING:
    import socket
    from pathlib import Path
    from types import TracebackType

    from tokentape.cli.options import Settings
    from tokentape.cli.recording import Recording
    from tokentape.cli.totals import Totals
    from tokentape.recorder.recording.outcome import Outcome

_READY_SECONDS: Final = 30.0
_ANSWER_BYTES: Final = 64 * 1024


class Proxy:
    """A proxy as an asynchronous context: inside it, traffic is carried; leaving it drains.

    Args:
        settings: of the command.
        console: print a line per call.
        keep_totals: sum up all calls, for `totals`.
        recording: record to this target, which is ours.
        labels: text of labels for every intercepted call, whose client has no base_url to carry them.

    Raises:
        FailedError: on entering, when a port cannot be had or a process does not start.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        console: bool = False,
        keep_totals: bool = False,
        recording: Recording | None = None,
        labels: str = "",
    ) -> None:
        self._settings = settings
        self._labels = labels
        self._intercept: socket.socket | None = None
        self.intercept_address: Address | None = None
        """What clients have in HTTPS_PROXY, where there is an intercept."""
        self._recording = recording
        self._console = console
        self._keep_totals = keep_totals
        self._resources = contextlib.ExitStack()
        self._admin: socket.socket | None = None
        self.admin_address: Address | None = None
        self.exporting_line = ""
        """What goes to which collector, in one line; empty where nothing does."""
        self._exporting_file: Path | None = None
        self.totals: Totals | None = None
        """The sums over all calls, once the context has been left."""
        self.recorded: Outcome | None = None
        """What became of the recording, once the context has been left."""

    @property
    def base_url(self) -> str:
        """What clients set as `ANTHROPIC_BASE_URL`."""
        return f"http://{self.address.reachable}"

    @property
    def metrics_url(self) -> str | None:
        """What Prometheus scrapes, where there is an admin port."""
        return f"http://{self.admin_address.reachable}/metrics" if self.admin_address else None

    async def __aenter__(self) -> Self:
        """Open the ports, start all processes, and wait until they answer."""
        with contextlib.ExitStack() as undo:
            undo.callback(self._resources.close)
            self._open()
            await self._start()
            undo.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drain and end all processes."""
        # Once the workers have closed theirs too, nobody listens: clients are refused, not kept waiting.
        self._traffic.close()
        if self._intercept is not None:
            self._intercept.close()
        async with self._recording.progress() if self._recording else contextlib.nullcontext():
            await self._supervisor.stop()
        if self._keep_totals:
            self.totals = read_totals(self._totals_file)
        if self._recording is not None:
            self.recorded = self._recording.outcome()
        self._resources.close()

    async def failed(self) -> None:
        """Wait until the supervisor gives up; see `Supervisor.failed`."""
        await self._supervisor.failed()

    def kill(self) -> None:
        """End every process now; what is under way breaks off."""
        self._supervisor.kill()

    def _open(self) -> None:
        keep, settings = self._resources.enter_context, self._settings
        self._traffic = keep(open_port(settings.listen, "--listen"))
        self.address = _bound(settings.listen, self._traffic)
        if settings.admin is not None:
            self._admin = keep(open_port(settings.admin, "--admin"))
            self.admin_address = _bound(settings.admin, self._admin)
        if settings.intercept:
            self._intercept = keep(open_port(settings.intercept_listen, "--intercept-listen"))
            self.intercept_address = _bound(settings.intercept_listen, self._intercept)
        folder = PrivateFolder()
        self._resources.callback(folder.remove)
        self._socket_file = folder.path / "observer.sock"
        self._totals_file = folder.path / "totals.json"
        self._money_file = folder.path / "money.json"
        write_money(self._money_file, _money(settings))
        planned = plan(settings, os.environ)
        self.exporting_line = planned.line
        if planned.exporting.on:
            self._exporting_file = folder.path / "exporting.json"
            write_exporting(self._exporting_file, planned.exporting)
        self._links = keep(listen_privately(self._socket_file))
        if self._recording is not None:
            keep(self._recording.opened(folder.path))
        self._lifeline = keep(contextlib.closing(Lifeline()))

    async def _start(self) -> None:
        workers = [self._worker(slot) for slot in range(self._settings.workers)]
        if self._intercept is not None:
            workers.append(self._interceptor(self._intercept.fileno()))
        self._supervisor = Supervisor(
            self._observer(), workers, drain=self._settings.drain, recorder=self._recorder()
        )
        try:
            await self._supervisor.start()
            await self._wait_until_ready()
        except BaseException as error:
            self._supervisor.kill()
            await self._supervisor.stop()
            if isinstance(error, SupervisorError):
                raise FailedError(str(error)) from None
            raise
        self._supervisor.ready()

    async def _wait_until_ready(self) -> None:
        answer = asyncio.create_task(self._answer())
        failure = asyncio.create_task(self._supervisor.failed())
        steps = (answer, failure)
        try:
            done, _ = await asyncio.wait(steps, timeout=_READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                raise FailedError(f"The proxy did not answer within {_READY_SECONDS:.0f} s of its start.")
            done.pop().result()
        finally:
            for step in steps:
                step.cancel()
            await asyncio.gather(*steps, return_exceptions=True)

    async def _answer(self) -> None:
        """Ask both ports: they are open already, so a question waits in the queue until it is answered."""
        await _answered(self.address, "/.tokentape/healthz")
        if self.admin_address is not None:
            await _answered(self.admin_address, "/readyz")
        if self.intercept_address is not None:
            await _answered(self.intercept_address, "/.tokentape/healthz")

    def _recorder(self) -> Command | None:
        if self._recording is None:
            return None
        config = self._recording.process()
        inherited = (config.listener, config.lifeline, config.claim)
        return _command("recorder", "recorder", config, inherited)

    def _observer(self) -> Command:
        admin = self._admin.fileno() if self._admin is not None else None
        config = ObserverProcess(
            listener=self._links.fileno(),
            lifeline=self._lifeline.read_end,
            salt_file=str(self._socket_file.with_name("salt")),
            money_file=str(self._money_file),
            exporting_file=str(self._exporting_file) if self._exporting_file else None,
            admin=admin,
            metric_labels=self._settings.metric_labels,
            max_label_values=self._settings.max_label_values,
            console=self._console,
            totals=str(self._totals_file) if self._keep_totals else None,
            spooling=self._recording.spooling() if self._recording else None,
        )
        held = self._recording.observers_end if self._recording else None
        also = tuple(each for each in (admin, held) if each is not None)
        return _command(
            "observer", "observer", config, (self._links.fileno(), self._lifeline.read_end, *also)
        )

    def _worker(self, slot: int) -> Command:
        settings = self._settings
        config = WorkerConfig(
            slot=slot,
            listener=self._traffic.fileno(),
            lifeline=self._lifeline.read_end,
            observer=str(self._socket_file),
            upstream=settings.upstream,
            drain=settings.drain,
            limits=Limits(
                body_bytes=int(settings.max_body_mb * 1024 * 1024),
                head_seconds=settings.head_timeout,
                body_idle_seconds=settings.body_timeout,
                idle_seconds=settings.keepalive_timeout,
            ),
            idle_seconds=settings.idle_timeout,
            connect_seconds=settings.connect_timeout,
            whole_bodies=self._recording is not None,
        )
        inherited = (self._traffic.fileno(), self._lifeline.read_end)
        return _command(f"relay worker {slot}", "worker", config, inherited)

    def _interceptor(self, listener: int) -> Command:
        from tokentape.cli.intercepting import intercept_config

        config = intercept_config(
            self._settings,
            listener=listener,
            lifeline=self._lifeline.read_end,
            observer=str(self._socket_file),
            labels=self._labels,
            whole_bodies=self._recording is not None,
        )
        return _command("intercept worker", "intercept", config, (listener, config.lifeline))


def _money(settings: Settings) -> Money:
    total = {"_all": settings.budget} if settings.budget else {}
    return Money(
        ledger=settings.ledger,
        keep_days=settings.keep_days,
        timezone=settings.timezone,
        budgets={**settings.budgets, **total},
        webhook=settings.budget_webhook,
        prices=settings.prices,
    )


def _bound(asked: Address, listener: socket.socket) -> Address:
    return Address(asked.host, listener.getsockname()[1])


def _command(name: str, kind: str, config: msgspec.Struct, fds: tuple[int, ...]) -> Command:
    # -P: the working directory is the user's, and its modules must not take the place of ours.
    argv = (sys.executable, "-P", "-m", "tokentape.cli.processes", kind, msgspec.json.encode(config).decode())
    return Command(name=name, argv=argv, fds=fds)


async def _answered(address: Address, path: str) -> None:
    """Ask until somebody answers: a process that dies takes the question along."""
    while not await _asked(address, path):  # noqa: ASYNC110 - nobody here could set an event
        await asyncio.sleep(0.02)


async def _asked(address: Address, path: str) -> bool:
    reader, writer = await asyncio.open_connection(address.reachable.host, address.port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read(_ANSWER_BYTES)
    except OSError:
        return False
    finally:
        writer.close()
    return answer.startswith(b"HTTP/1.1 200 ")
