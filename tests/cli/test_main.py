"""The command line as a whole."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest
from click.testing import CliRunner

from tokentape.cli.main import main

HEAVY = {
    *("asyncio", "uvloop", "httptools", "prometheus_client", "anthropic", "rich"),
    *("tokentape.proxy.relay.worker", "tokentape.proxy.observer.process", "tokentape.recorder"),
}


def test_help_loads_nothing_that_only_a_command_needs() -> None:
    script = "import sys, tokentape.cli.main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert HEAVY & set(loaded.stdout.split()) == set()


def test_the_version_is_the_installed_one() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert result.output == f"tokentape {metadata.version('tokentape')}\n"


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_says_what_it_does_in_one_line(command: str) -> None:
    assert main.commands[command].short_help
    assert CliRunner().invoke(main, [command, "--help"]).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["up", "--listen", "8585"], "--listen must be HOST:PORT, such as 127.0.0.1:8585, not '8585'."),
        (["up", "--workers", "0"], "--workers must be a whole number from 1 to 64, not '0'."),
        (["run", "--upstream", "nowhere", "--", "true"], "The upstream must be an http:// or https:// URL"),
        (["demo", "--drain=-1"], "--drain must be a number of seconds from 0 to 86400, not '-1'."),
        (["doctor", "--admin", "x"], "--admin must be HOST:PORT, such as 127.0.0.1:8585, not 'x'."),
    ],
)
def test_wrong_usage_is_one_sentence_and_status_2(arguments: list[str], sentence: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith(f"Error: {sentence}")


@pytest.mark.parametrize("arguments", [["nonsense"], ["up", "--nonsense"], ["run"], ["doctor", "nonsense"]])
def test_what_is_not_there_has_status_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == 2


def test_windows_is_sent_to_wsl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    result = CliRunner().invoke(main, ["up"])
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: The proxy runs on Linux and macOS: on Windows, start it inside WSL.\n",
    )
