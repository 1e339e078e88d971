"""The supervisor, with small scripts for its processes: what they do is told through a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from tokentape.proxy import supervisor as module
from tokentape.proxy.supervisor import Command, Lifeline, Supervisor, SupervisorError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine
    from pathlib import Path

OBEDIENT = """
signal.signal(signal.SIGTERM, lambda *_: (say("ends"), os._exit(0)))
say("runs")
while True: signal.pause()
"""
DEAF = """
signal.signal(signal.SIGTERM, lambda *_: say("heard"))
say("runs")
while True: signal.pause()
"""
BROKEN = """
say("fails")
os._exit(3)
"""


class Reports:
    """What the processes say, in order: `NAME WORD PID` a line."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()

    def command(self, name: str, body: str, *fds: int) -> Command:
        head = f"""
import os, signal
def say(word): os.write({self.write_end}, f"{name} {{word}} {{os.getpid()}}\\n".encode())
"""
        argv = (sys.executable, "-I", "-S", "-c", head + textwrap.dedent(body))
        return Command(name=name, argv=argv, fds=(self.write_end, *fds))

    async def listen(self) -> None:
        self._reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(self._reader)
        pipe = os.fdopen(self.read_end, "rb", buffering=0)
        self._transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)

    async def next(self) -> tuple[str, int]:
        """The next report, such as `("worker runs", 4711)`."""
        async with asyncio.timeout(20):
            name, word, pid = (await self._reader.readline()).decode().split()
        return f"{name} {word}", int(pid)

    async def words(self, number: int) -> list[str]:
        return [(await self.next())[0] for _ in range(number)]

    def close(self) -> None:
        self._transport.close()
        os.close(self.write_end)


@contextlib.asynccontextmanager
async def supervised(observer: Command, *workers: Command, drain: float = 5.0) -> AsyncGenerator[Supervisor]:
    supervisor = Supervisor(observer, workers, drain=drain)
    await supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.kill()
        await supervisor.stop()


def play(scene: Callable[[Reports], Coroutine[None, None, None]]) -> None:
    """Run a scene with reports to listen to."""

    async def main() -> None:
        reports = Reports()
        await reports.listen()
        try:
            await scene(reports)
        finally:
            reports.close()

    asyncio.run(main())


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same order of things, faster."""
    monkeypatch.setattr(module, "_BACKOFF_SECONDS", (0.001, 0.002))


def test_workers_end_before_the_observer_so_that_it_hears_of_the_last_calls() -> None:
    async def scene(reports: Reports) -> None:
        workers = [reports.command(f"worker{n}", OBEDIENT) for n in range(2)]
        async with supervised(reports.command("observer", OBEDIENT), *workers) as supervisor:
            assert sorted(await reports.words(3)) == ["observer runs", "worker0 runs", "worker1 runs"]
            await supervisor.stop()
            ends = await reports.words(3)
            assert (sorted(ends[:2]), ends[2]) == (["worker0 ends", "worker1 ends"], "observer ends")

    play(scene)


@pytest.mark.parametrize("victim", ["worker", "observer"])
def test_what_dies_is_started_again_and_nothing_else_is(victim: str) -> None:
    async def scene(reports: Reports) -> None:
        commands = reports.command("observer", OBEDIENT), reports.command("worker", OBEDIENT)
        async with supervised(*commands) as supervisor:
            pids = dict([await reports.next(), await reports.next()])
            os.kill(pids[f"{victim} runs"], signal.SIGKILL)
            word, pid = await reports.next()
            assert word == f"{victim} runs"
            assert pid not in pids.values()
            await supervisor.stop()
            assert await reports.words(2) == ["worker ends", "observer ends"]

    play(scene)


def test_a_listening_socket_outlives_the_process_that_served_on_it() -> None:
    serving = """
    import socket
    listener = socket.socket(fileno={fd})
    say("runs")
    while True:
        connection, _ = listener.accept()
        connection.sendall(str(os.getpid()).encode())
        connection.close()
    """

    async def scene(reports: Reports) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            worker = reports.command("worker", serving.format(fd=listener.fileno()), listener.fileno())
            async with supervised(reports.command("observer", OBEDIENT), worker):
                first = dict([await reports.next(), await reports.next()])["worker runs"]
                os.kill(first, signal.SIGKILL)
                answer = await asyncio.to_thread(ask, listener.getsockname())
                word, second = await reports.next()
                assert (word, answer) == ("worker runs", str(second))

    def ask(address: tuple[str, int]) -> str:
        with socket.create_connection(address, 20) as connection:
            return connection.makefile("r").read()

    play(scene)


def test_a_process_that_keeps_dying_at_the_start_ends_it_all_with_a_sentence() -> None:
    async def scene(reports: Reports) -> None:
        commands = reports.command("observer", OBEDIENT), reports.command("worker", BROKEN)
        async with supervised(*commands) as supervisor:
            with pytest.raises(SupervisorError) as caught:
                await supervisor.failed()
        assert str(caught.value) == (
            "The worker ended 5 times while starting (last with exit status 3): what it wrote above says why."
        )

    play(scene)


def test_once_ready_a_dying_process_is_started_again_for_ever() -> None:
    async def scene(reports: Reports) -> None:
        commands = reports.command("observer", BROKEN), reports.command("worker", OBEDIENT)
        async with supervised(*commands) as supervisor:
            supervisor.ready()
            words = await reports.words(12)
            assert sorted(words) == ["observer fails"] * 11 + ["worker runs"]

    play(scene)


def test_an_observer_that_dies_while_workers_drain_comes_back_for_their_last_calls() -> None:
    async def scene(reports: Reports) -> None:
        commands = reports.command("observer", OBEDIENT), reports.command("worker", DEAF)
        async with supervised(*commands) as supervisor:
            pids = dict([await reports.next(), await reports.next()])
            stopping = asyncio.ensure_future(supervisor.stop())
            assert await reports.next() == ("worker heard", pids["worker runs"])
            os.kill(pids["observer runs"], signal.SIGKILL)
            assert await reports.words(1) == ["observer runs"]
            os.kill(pids["worker runs"], signal.SIGKILL)
            assert await reports.words(1) == ["observer ends"]
            await stopping

    play(scene)


def test_a_worker_that_never_ends_is_killed_after_the_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WORKER_MARGIN_SECONDS", 0.0)

    async def scene(reports: Reports) -> None:
        commands = reports.command("observer", OBEDIENT), reports.command("worker", DEAF)
        async with supervised(*commands, drain=0.2) as supervisor:
            await reports.words(2)
            await supervisor.stop()
            assert await reports.words(2) == ["worker heard", "observer ends"]

    play(scene)


def test_kill_cuts_a_drain_short_and_nothing_comes_back() -> None:
    async def scene(reports: Reports) -> None:
        commands = reports.command("observer", DEAF), reports.command("worker", DEAF)
        async with supervised(*commands, drain=3600) as supervisor:
            await reports.words(2)
            stopping = asyncio.ensure_future(supervisor.stop())
            assert await reports.words(1) == ["worker heard"]
            supervisor.kill()
            await stopping

    play(scene)


def test_a_program_that_is_not_there_is_named_and_the_rest_is_ended() -> None:
    async def scene(reports: Reports) -> None:
        missing = Command(name="worker", argv=("/nowhere/at/all",), fds=())
        supervisor = Supervisor(reports.command("observer", OBEDIENT), [missing], drain=0)
        with pytest.raises(SupervisorError, match=r"^The worker could not be started: .*No such file.*\.$"):
            await supervisor.start()

    play(scene)


def test_each_process_has_a_session_of_its_own_so_that_ctrl_c_is_the_supervisors() -> None:
    async def scene(reports: Reports) -> None:
        commands = reports.command("observer", OBEDIENT), reports.command("worker", OBEDIENT)
        async with supervised(*commands):
            pids = [(await reports.next())[1] for _ in commands]
            assert [os.getsid(pid) for pid in pids] == pids

    play(scene)


def test_the_lifeline_ends_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "supervising.py"
    script.write_text(
        textwrap.dedent(
            """
            import asyncio, sys
            from tokentape.proxy.supervisor import Command, Lifeline, Supervisor

            async def main():
                lifeline = Lifeline()
                child = (
                    "import os; print('runs', flush=True); "
                    f"print('lifeline ended', os.read({lifeline.read_end}, 1), flush=True)"
                )
                argv = (sys.executable, "-I", "-S", "-c", child)
                command = Command(name="observer", argv=argv, fds=(lifeline.read_end,))
                await Supervisor(command, [], drain=0).start()
                await asyncio.Event().wait()

            asyncio.run(main())
            """
        )
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "runs\n"
        process.kill()
        assert process.stdout.readline() == "lifeline ended b''\n"


def test_a_lifeline_closes_both_ends() -> None:
    lifeline = Lifeline()
    lifeline.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.read(lifeline.read_end, 1)
