"""`tokentape doctor` as it is called."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from tests.support.upstream import held_upstream

from tokentape.cli.doctor.clients import CLIENTS
from tokentape.cli.doctor.command import NAMES
from tokentape.cli.main import main

UPSTREAM = "http://127.0.0.1:1"
"""Nobody answers there."""


def doctor(*arguments: str) -> tuple[int, str]:
    ports = ("--listen", "127.0.0.1:2", "--admin", "127.0.0.1:3", "--upstream", UPSTREAM)
    result = CliRunner().invoke(main, ["doctor", *ports, *arguments])
    return result.exit_code, result.output


def test_what_is_wrong_makes_the_status_1() -> None:
    status, output = doctor()
    assert (status, "✗ http://127.0.0.1:1 cannot be reached" in output) == (1, True)


def test_every_client_has_its_lines_with_the_address_in_them() -> None:
    _, output = doctor()
    for client in CLIENTS:
        assert f"\n{client.title}\n  {client.lines_for('http://127.0.0.1:2')[0]}\n" in output


def test_the_names_are_those_of_the_clients() -> None:
    assert tuple(client.name for client in CLIENTS) == NAMES


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_one_client_comes_alone_with_its_notes(client: object) -> None:
    chosen = next(each for each in CLIENTS if each is client)
    _, output = doctor(chosen.name)
    assert [each.name for each in CLIENTS if f"\n{each.title}\n" in output] == [chosen.name]
    assert all(f"  - {note}" in output for note in chosen.notes_for("http://127.0.0.1:2"))


def test_claude_code_is_told_what_it_switches_off_and_how_to_keep_it() -> None:
    _, output = doctor("claude-code")
    assert "Claude Code switches off tool search" in output
    assert "ANTHROPIC_BASE_URL=http://127.0.0.1:2 ENABLE_TOOL_SEARCH=true claude" in output


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "ANTHROPIC_BASE_URL is not set in this shell."),
        (
            "http://127.0.0.1:2/@project=x",
            "ANTHROPIC_BASE_URL is http://127.0.0.1:2/@project=x in this shell.",
        ),
        ("http://other", "ANTHROPIC_BASE_URL is http://other in this shell, not the proxy."),
    ],
)
def test_the_shell_it_runs_in_is_looked_at(
    value: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    if value is not None:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", value)
    assert f"  - {told}\n" in doctor("python")[1]


def test_all_well_is_status_0() -> None:
    with held_upstream() as upstream:
        status, output = doctor("--upstream", upstream.url)
    assert (status, "✗" in output) == (0, False)
