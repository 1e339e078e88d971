"""`tokentape run`: one command behind a proxy of its own."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import textwrap
from io import FileIO
from typing import TYPE_CHECKING

import psutil
import pytest
from tests.support.proxy import PATIENCE, clean_environment
from tests.support.upstream import HEADERS, REQUEST, HeldUpstream, held_upstream

from tokentape.cli.run import child_environment, summary
from tokentape.cli.tokens import Tokens
from tokentape.cli.totals import Totals

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

CALL = f"""
import json, os, sys, urllib.request
url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"
request = urllib.request.Request(url, {REQUEST!r}, {HEADERS!r})
with urllib.request.urlopen(request) as reply:
    print(json.load(reply)["content"][0]["text"])
"""


@pytest.fixture
def upstream() -> Generator[HeldUpstream]:
    with held_upstream() as server:
        yield server


def run(
    *arguments: str, cwd: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tokentape.cli.main", "run", *arguments]
    return subprocess.run(
        command,
        cwd=cwd,
        env=clean_environment(**(environment or {})),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def python(script: str) -> tuple[str, ...]:
    return ("--", sys.executable, "-c", textwrap.dedent(script))


def test_the_command_has_stdout_and_its_status_and_the_proxy_says_on_stderr_what_it_used(
    upstream: HeldUpstream, tmp_path: Path
) -> None:
    result = run("--upstream", upstream.url, *python(f"{CALL}\nsys.exit(7)"), cwd=tmp_path)
    assert (result.returncode, result.stdout) == (7, "Hello\n")
    lines = result.stderr.splitlines()
    assert lines[:3] == [
        f"tokentape: calls go to {upstream.url}",
        "tokentape: 1 call, 0 errors",
        "           tokens: input 12, cache read 0, cache write 0, output 5, hit ratio 0%",
    ]
    assert lines[-1].split() == ["all", "1", "12", "0", "0", "5", "0.0%", "0.0001", "0.0001"]


def test_calls_carry_the_repositorys_labels_and_those_given(upstream: HeldUpstream, tmp_path: Path) -> None:
    repository = tmp_path / "checkout"
    subprocess.run(["git", "init", "-q", "-b", "fix/it", str(repository)], check=True)
    show = "import os; print(os.environ['ANTHROPIC_BASE_URL'].partition('/@')[2])"
    tagged = run("--upstream", upstream.url, "--label", "team=a b", *python(show), cwd=repository)
    plain = run("--upstream", upstream.url, "--no-autotag", *python(show), cwd=repository)
    assert (tagged.stdout, plain.stdout) == ("project=checkout,branch=fix%2Fit,team=a%20b\n", "\n")


def test_labels_do_not_reach_the_upstream(upstream: HeldUpstream, tmp_path: Path) -> None:
    run("--upstream", upstream.url, "--label", "team=x", *python(CALL), cwd=tmp_path)
    assert [path for path, _ in upstream.requests] == ["/v1/messages"]


def test_without_an_upstream_it_goes_where_the_command_would_have_gone(
    upstream: HeldUpstream, tmp_path: Path
) -> None:
    result = run(*python(CALL), cwd=tmp_path, environment={"ANTHROPIC_BASE_URL": upstream.url})
    assert (result.stdout, len(upstream.requests)) == ("Hello\n", 1)


def test_a_run_inside_a_run_counts_in_both(upstream: HeldUpstream, tmp_path: Path) -> None:
    inner = ("--", sys.executable, "-m", "tokentape.cli.main", "run", *python(CALL))
    result = run("--upstream", upstream.url, "--label", "outer=1", *inner, cwd=tmp_path)
    assert (result.stdout, result.stderr.count("tokentape: 1 call, 0 errors")) == ("Hello\n", 2)


def test_metrics_are_served_only_when_asked_for(upstream: HeldUpstream, tmp_path: Path) -> None:
    silent = run("--upstream", upstream.url, "--", "true", cwd=tmp_path)
    asked = run("--upstream", upstream.url, "--admin", "127.0.0.1:0", "--", "true", cwd=tmp_path)
    assert "metrics" not in silent.stderr
    assert re.search(r"^tokentape: metrics http://127\.0\.0\.1:\d+/metrics$", asked.stderr, re.MULTILINE)


def test_a_signal_that_ends_the_command_is_told_as_a_shell_would(
    upstream: HeldUpstream, tmp_path: Path
) -> None:
    result = run("--upstream", upstream.url, *python("import os; os.kill(os.getpid(), 15)"), cwd=tmp_path)
    assert result.returncode == 128 + 15


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGINT])
def test_signals_go_to_the_command_and_the_proxy_stays_until_it_ends(
    upstream: HeldUpstream, tmp_path: Path, number: signal.Signals
) -> None:
    """Without a terminal every signal is passed on; the call is made after the signal came."""
    waiting = f"""
    import signal
    signal.pthread_sigmask(signal.SIG_BLOCK, [{int(number)}])
    print("ready", flush=True)
    signal.sigwait([{int(number)}])
    exec({CALL!r})
    sys.exit(3)
    """
    command = [
        sys.executable,
        "-m",
        "tokentape.cli.main",
        "run",
        "--upstream",
        upstream.url,
        *python(waiting),
    ]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert (process.stdout.read(), process.wait(PATIENCE)) == ("Hello\n", 3)


def test_ctrl_c_on_the_terminal_reaches_the_command_once(upstream: HeldUpstream, tmp_path: Path) -> None:
    waiting = """
    import signal
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    print("ready", flush=True)
    signal.sigwait([signal.SIGINT])
    again = signal.sigtimedwait([signal.SIGINT], 0.3)
    print("once" if again is None else "twice", flush=True)
    """
    command = [
        sys.executable,
        "-m",
        "tokentape.cli.main",
        "run",
        "--upstream",
        upstream.url,
        *python(waiting),
    ]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execve(command[0], command, clean_environment())
    with FileIO(terminal, "r+") as screen:
        shown = until(screen, b"ready")
        screen.write(b"\x03")
        shown += until(screen, b"0 errors")
        _, status = os.waitpid(pid, 0)
    assert (os.waitstatus_to_exitcode(status), b"once" in shown) == (0, True)


def until(screen: FileIO, word: bytes) -> bytes:
    """What is shown up to some word, and perhaps more."""
    shown = b""
    while word not in shown:
        shown += screen.read(1024)
    return shown


def test_the_command_reads_the_terminals_input(upstream: HeldUpstream, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tokentape.cli.main", "run", "--upstream", upstream.url, "--", "cat"]
    result = subprocess.run(
        command,
        input="typed",
        check=True,
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert result.stdout == "typed"


def test_a_killed_run_takes_its_proxy_along(upstream: HeldUpstream, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tokentape.cli.main", "run", "--upstream", upstream.url]
    script = "import sys; print('ready', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [*command, *python(script)],
        cwd=tmp_path,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        children = psutil.Process(process.pid).children()
        process.kill()
        process.wait(PATIENCE)
        assert process.stdin is not None
        process.stdin.close()
        _, alive = psutil.wait_procs(children, PATIENCE)
    assert (len(children), alive) == (3, [])


@pytest.mark.parametrize(
    ("command", "status", "sentence"),
    [
        ("no-such-program", 127, "no-such-program was not found: check the name, or the PATH."),
        ("./plain", 126, "./plain cannot be run: it is no program, or not executable."),
        ("./broken", 126, "cannot be run: Exec format error."),
    ],
)
def test_a_command_that_cannot_be_run_is_told_as_a_shell_would(
    command: str, status: int, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "plain").write_text("nothing")
    (tmp_path / "broken").write_text("no program")
    (tmp_path / "broken").chmod(0o755)
    result = run("--", command, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (status, "")
    assert result.stderr.rstrip().endswith(sentence)


def test_options_after_the_command_are_the_commands_own(upstream: HeldUpstream, tmp_path: Path) -> None:
    result = run("--upstream", upstream.url, "echo", "--workers", "-x", cwd=tmp_path)
    assert result.stdout == "--workers -x\n"


def test_a_forward_proxy_is_told_to_leave_loopback_alone() -> None:
    url = "http://127.0.0.1:1"
    assert child_environment({"A": "b"}, url) == {"A": "b", "ANTHROPIC_BASE_URL": url}
    changed = child_environment({"http_proxy": "http://p", "NO_PROXY": "corp"}, url)
    assert (changed["NO_PROXY"], changed["no_proxy"]) == ("corp,127.0.0.1,localhost", "127.0.0.1,localhost")


@pytest.mark.parametrize(
    ("totals", "lines"),
    [
        (Totals(), ["tokentape: 0 calls, 0 errors"]),
        (
            Totals(
                calls=1200,
                errors=1,
                aborted=2,
                unmetered={"a": 3, "b": 4},
                tokens=Tokens(input=1, cache_read=1999),
            ),
            [
                "tokentape: 1,200 calls, 1 error, 2 aborted, 7 more not metered",
                "           tokens: input 1, cache read 1,999, cache write 0, output 0, hit ratio 100%",
            ],
        ),
        (
            Totals(calls=1),
            [
                "tokentape: 1 call, 0 errors",
                "           tokens: input 0, cache read 0, cache write 0, output 0",
            ],
        ),
    ],
)
def test_the_summary_says_what_was_used_and_what_is_missing(totals: Totals, lines: list[str]) -> None:
    assert summary(totals).splitlines() == lines
