"""`tokentape up` as its users see it: real processes, killed and stopped in every way."""

from __future__ import annotations

import contextlib
import http.client
import os
import pty
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

import psutil
import pytest
from tests.support.proxy import PATIENCE, RunningProxy, clean_environment, eventually, get, running_proxy
from tests.support.upstream import ENDING, MODEL, Client, HeldUpstream, held_upstream

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture
def upstream() -> Generator[HeldUpstream]:
    with held_upstream() as server:
        yield server


@pytest.fixture
def proxy(upstream: HeldUpstream) -> Generator[RunningProxy]:
    with running_proxy(upstream.url) as running:
        yield running


COMMAND = [
    sys.executable,
    "-m",
    "tokentape.cli.main",
    "up",
    "--listen",
    "127.0.0.1:0",
    "--admin",
    "127.0.0.1:0",
]


class Screen(NamedTuple):
    """`tokentape up` on a terminal."""

    process: subprocess.Popen[bytes]
    lines: TextIO
    address: tuple[str, int]


@contextlib.contextmanager
def on_a_terminal(upstream: HeldUpstream) -> Generator[Screen]:
    controller, terminal = pty.openpty()
    command = [*COMMAND, "--upstream", upstream.url]
    with subprocess.Popen(command, stdout=terminal, env=clean_environment()) as process:
        os.close(terminal)
        with os.fdopen(controller, encoding="utf-8") as lines:
            host, _, port = lines.readline().rpartition("http://")[2].strip().rpartition(":")
            try:
                yield Screen(process, lines, (host, int(port)))
            finally:
                process.kill()


def one_client_a_worker(proxy: RunningProxy, stack: contextlib.ExitStack) -> dict[int, Client]:
    """Clients by the worker that took their connection, opened until every worker has one."""
    clients: dict[int, Client] = {}
    for _ in range(500):
        client = stack.enter_context(Client(proxy.address))
        clients.setdefault(client.get("/.tokentape/healthz")[1]["pid"], client)
        if len(clients) == len(proxy.worker_pids()):
            return clients
    raise AssertionError("some worker never takes a connection")


def test_in_a_pipe_it_prints_the_base_url_and_the_metrics_url_once_both_answer(
    upstream: HeldUpstream,
) -> None:
    command = [*COMMAND, "--upstream", upstream.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment()) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline(), process.stdout.readline()]
        base_url = lines[0].removeprefix("export ANTHROPIC_BASE_URL=").rstrip()
        metrics_url = lines[1].removeprefix("metrics ").rstrip()
        assert get(f"{base_url}/.tokentape/healthz")[0] == 200
        assert get(metrics_url.replace("/metrics", "/readyz"))[0] == 200
        process.terminate()
        assert process.stdout.read() == ""
        assert process.wait(PATIENCE) == 0


def test_what_is_carried_is_metered(proxy: RunningProxy) -> None:
    with Client(proxy.address) as client:
        assert [client.call() for _ in range(3)] == [200, 200, 200]
    metrics = proxy.settled()
    assert metrics.by("tokentape_requests_total", "model") == {MODEL: 3}
    assert metrics.by("tokentape_tokens_total", "kind") == {"input": 36, "output": 15}


def test_on_a_terminal_every_call_has_a_line(upstream: HeldUpstream) -> None:
    upstream.release()
    with on_a_terminal(upstream) as screen:
        with Client(screen.address) as client:
            client.open_stream().read()
        shown = next(line for line in screen.lines if MODEL in line).split("  ")
        screen.process.terminate()
        assert screen.process.wait(PATIENCE) == 0
    cells = [cell.strip() for cell in shown if cell]
    assert (cells[1:5], cells[-1]) == ([MODEL, "in 12", "out 5", "$0.0001"], "end_turn")


def test_a_killed_worker_takes_only_its_own_connections_along(upstream: HeldUpstream) -> None:
    with running_proxy(upstream.url, "--workers", "2") as proxy, contextlib.ExitStack() as stack:
        clients = one_client_a_worker(proxy, stack)
        (victim, theirs), (survivor, ours) = clients.items()
        broken, whole = theirs.open_stream(), ours.open_stream()
        os.kill(victim, signal.SIGKILL)
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            broken.read()
        eventually(lambda: len(proxy.worker_pids()) == 2, "the worker's restart")
        assert survivor in proxy.worker_pids()
        upstream.release()
        assert whole.read() == ENDING
        assert ours.call() == 200
        assert len(one_client_a_worker(proxy, stack)) == 2


def test_a_killed_observer_disturbs_no_call_and_comes_back(
    proxy: RunningProxy, upstream: HeldUpstream
) -> None:
    with Client(proxy.address) as streaming, Client(proxy.address) as calling:
        stream = streaming.open_stream()
        proxy.kill_observer()
        assert calling.call() == 200
        upstream.release()
        assert stream.read() == ENDING
    metrics = proxy.after(2)
    assert metrics.by("tokentape_requests_total", "outcome") == {"ok": 2}
    assert metrics.value("tokentape_unmetered_calls_total") == 0


def test_links_made_while_there_is_no_observer_wait_for_the_next_one(proxy: RunningProxy) -> None:
    os.kill(proxy.observer_pid(), signal.SIGKILL)
    with Client(proxy.address) as client:
        assert [client.call() for _ in range(5)] == [200] * 5
    metrics = proxy.after(5)
    lost = metrics.value("tokentape_unmetered_calls_total")
    assert metrics.value("tokentape_requests_total") + lost == 5


def test_a_killed_supervisor_leaves_no_orphan_and_no_call_unfinished(
    proxy: RunningProxy, upstream: HeldUpstream
) -> None:
    folder = private_folder(proxy)
    with Client(proxy.address) as client:
        stream = client.open_stream()
        proxy.process.kill()
        proxy.process.wait(PATIENCE)
        assert len(proxy.orphans()) == 2
        upstream.release()
        assert stream.read() == ENDING
    eventually(lambda: not proxy.orphans(), "the end of the children")
    assert not folder.exists()


def private_folder(proxy: RunningProxy) -> Path:
    """Where the observer's socket lies."""
    files = psutil.Process(proxy.observer_pid()).net_connections("unix")
    names = [str(file.laddr) for file in files]
    return Path(next(name for name in names if name.endswith("/observer.sock"))).parent


def test_nobody_else_may_look_into_the_private_folder(proxy: RunningProxy) -> None:
    assert oct(private_folder(proxy).stat().st_mode & 0o777) == "0o700"


def test_sigterm_lets_an_open_stream_end_and_takes_nothing_new(
    proxy: RunningProxy, upstream: HeldUpstream
) -> None:
    folder = private_folder(proxy)
    with Client(proxy.address) as client:
        stream = client.open_stream()
        proxy.process.terminate()
        eventually(lambda: refuses(proxy.address), "the end of listening")
        upstream.release()
        assert stream.read() == ENDING
    assert proxy.process.wait(PATIENCE) == 0
    assert (proxy.orphans(), folder.exists()) == ([], False)


def refuses(address: tuple[str, int]) -> bool:
    """Whether a new connection is refused, as opposed to being kept waiting."""
    try:
        socket.create_connection(address, 0.5).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_everything_at_once(
    proxy: RunningProxy, upstream: HeldUpstream, number: signal.Signals
) -> None:
    del upstream
    with Client(proxy.address) as client:
        stream = client.open_stream()
        proxy.process.send_signal(number)
        eventually(lambda: refuses(proxy.address), "the beginning of the drain")
        proxy.process.send_signal(number)
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            stream.read()
    assert proxy.process.wait(PATIENCE) == 0
    assert proxy.orphans() == []


def test_a_drain_has_an_end(upstream: HeldUpstream) -> None:
    with running_proxy(upstream.url, "--drain", "0.1") as proxy, Client(proxy.address) as client:
        stream = client.open_stream()
        proxy.process.terminate()
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            stream.read()
        assert proxy.process.wait(PATIENCE) == 0


def test_a_call_that_ends_in_the_drain_is_still_observed(upstream: HeldUpstream) -> None:
    """The line of a call comes from the observer, so the observer was there to the end."""
    with on_a_terminal(upstream) as screen:
        with Client(screen.address) as client:
            stream = client.open_stream()
            screen.process.terminate()
            assert any("have 30 s to finish" in line for line in screen.lines)
            upstream.release()
            assert stream.read() == ENDING
        assert any(line.rstrip().endswith("end_turn") for line in screen.lines)
        assert screen.process.wait(PATIENCE) == 0


def test_metric_labels_and_limits_reach_the_processes(upstream: HeldUpstream) -> None:
    options = ("--metric-labels", "team,project", "--max-label-values", "1", "--max-body-mb", "0.001")
    with running_proxy(upstream.url, *options) as proxy, Client(proxy.address) as client:
        for team in ("red", "blue"):
            assert client.call(f"/@team={team}/v1/messages") == 200
        assert proxy.after(2).by("tokentape_requests_total", "team") == {"red": 1, "other": 1}
        assert client.call(body=b" " * 2000) == 413


@pytest.mark.parametrize("kind", ["worker", "observer"])
def test_a_process_that_cannot_start_ends_it_all_with_a_sentence(kind: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(f"import os, sys\nif {kind!r} in sys.orig_argv: os._exit(3)\n")
    environment = clean_environment(PYTHONPATH=str(tmp_path), TMPDIR=str(tmp_path))
    result = subprocess.run(
        COMMAND, capture_output=True, text=True, env=environment, timeout=PATIENCE, check=False
    )
    name = {"worker": "relay worker 0", "observer": "observer"}[kind]
    how = "ended 5 times while starting (last with exit status 3): what it wrote above says why."
    assert (result.returncode, result.stdout, result.stderr) == (1, "", f"Error: The {name} {how}\n")
    assert [path.name for path in tmp_path.glob("tokentape-*")] == []
    assert [process for process in psutil.process_iter() if started_with(process, str(tmp_path))] == []


def started_with(process: psutil.Process, folder: str) -> bool:
    """Whether a process has this temporary folder."""
    try:
        return process.environ().get("TMPDIR") == folder
    except psutil.Error:
        return False


@pytest.mark.parametrize("flag", ["--listen", "--admin"])
def test_a_port_that_is_taken_is_named_with_the_flag_that_helps(flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [*COMMAND, flag, address]
        result = subprocess.run(
            command, capture_output=True, text=True, env=clean_environment(), timeout=PATIENCE, check=False
        )
    advice = f"stop what listens there, or choose another port with {flag} HOST:PORT."
    told = f"Error: {address} is taken: {advice}\n"
    assert (result.returncode, result.stdout, result.stderr) == (1, "", told)
