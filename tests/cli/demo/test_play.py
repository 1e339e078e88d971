"""`tokentape demo` as a whole."""

from __future__ import annotations

import builtins
import re
import signal
import subprocess
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from click.testing import CliRunner
from tests.support.proxy import PATIENCE, clean_environment, get, parse_metrics

from tokentape.cli.demo.play import own
from tokentape.cli.demo.stage import BOARDS
from tokentape.cli.main import main
from tokentape.cli.options import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMMAND = [sys.executable, "-m", "tokentape.cli.main", "demo"]


@pytest.mark.slow
def test_once_shows_all_scenes_and_ends_by_itself() -> None:
    result = subprocess.run(
        [*COMMAND, "--once"], env=clean_environment(), capture_output=True, text=True, timeout=90, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    lines = [row for row in result.stdout.splitlines() if row.strip()]
    figures, report = ([row.split() for row in lines if row.startswith("all")], lines[-2])
    assert [row[1:6] for row in figures] == [["33", "2,168", "12,900", "4,300", "2,766"]] * 2
    assert figures[1][7].startswith("0.0")
    assert report.startswith("0.0316 USD saved by caching, ")
    assert lines[-1] == BOARDS
    rows = {row.split()[0] for row in lines}
    assert {"claude-sonnet-4-6", "claude-haiku-4-5", "claude-opus-4-8", "metrics"} <= rows
    for word in ("client_abort", "stream_error", "max_tokens", "tool_use", "rate_limit_error"):
        assert word in result.stdout


@pytest.mark.slow
def test_without_once_it_serves_until_ctrl_c_and_leaves_nothing_behind() -> None:
    with subprocess.Popen(COMMAND, env=clean_environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = next(line for line in process.stdout if line.startswith("metrics ")).split()[1]
        goes_on = process.stdout.readline()
        assert re.fullmatch(
            r"Some traffic goes on through http://[\d.:]+, until SIGTERM or Ctrl-C\.\n", goes_on
        )
        children = psutil.Process(process.pid).children(recursive=True)
        status, body = get(f"{url}?settled=1")
        assert (status, parse_metrics(body.decode()).value("tokentape_requests_total") >= 33) == (200, True)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    _, alive = psutil.wait_procs(children, PATIENCE)
    assert (len(children), alive) == (3, [])


def test_no_budget_is_told_of_what_a_demo_spends() -> None:
    """And it has a ledger of its own."""
    budgets = {"checkout": {"day": Decimal(1)}}
    found = own(Settings(budgets=budgets, ledger="mine", drain=30), "http://u", "its own")
    assert (found.budgets, found.ledger, found.upstream, found.drain) == ({}, "its own", "http://u", 2)


def test_without_the_sdk_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_sdk(
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002 - the names of __import__
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        if name == "anthropic":
            raise ModuleNotFoundError(name)
        return real(name, globals, locals, fromlist, level)

    monkeypatch.delitem(sys.modules, "tokentape.cli.demo.clients", raising=False)
    monkeypatch.setattr(builtins, "__import__", without_sdk)
    result = CliRunner().invoke(main, ["demo", "--once"])
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: The demo drives the official SDK: pip install 'tokentape[demo]'.\n",
    )


def test_an_sdk_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anthropic.__version__", "1.99.0")
    result = CliRunner().invoke(main, ["demo", "--once"])
    sentence = "The demo needs version 2 of the official SDK, and 1.99.0 is installed"
    told = f"Error: {sentence}: pip install --upgrade 'tokentape[demo]'.\n"
    assert (result.exit_code, result.stderr) == (1, told)
