"""The declared options, as click sees them."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from tokentape.cli.main import main
from tokentape.cli.options import OPTIONS, SERVING, default_text


def command_of(name: str) -> click.Command:
    """A command by its words: `up`, or `cassette show`."""
    found: click.Command = main
    for word in name.split():
        assert isinstance(found, click.Group)
        found = found.commands[word]
    return found


def flags_of(command: click.Command) -> set[str]:
    return {flag for parameter in command.params for flag in parameter.opts if flag.startswith("--")}


@pytest.mark.parametrize("name", sorted({name for option in OPTIONS for name in option.commands}))
def test_a_command_has_the_options_declared_for_it_and_no_others(name: str) -> None:
    declared = {option.flag for option in OPTIONS if name in option.commands}
    assert flags_of(command_of(name)) == declared


def test_every_serving_command_exists() -> None:
    assert set(main.commands) >= SERVING


def test_what_is_not_given_is_none_so_that_other_sources_can_speak() -> None:
    seen: dict[str, object] = {}
    probe = click.Command("probe", params=list(main.commands["up"].params), callback=seen.update)
    assert CliRunner().invoke(probe, []).exit_code == 0
    assert {name for name, value in seen.items() if value not in {None, ()}} == set()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("listen", "127.0.0.1:8585"),
        ("drain", "30"),
        ("metric_labels", "project"),
        ("label", ""),
        ("expose", ""),
        ("autotag", ""),
        ("workers", "1"),
    ],
)
def test_a_default_is_shown_as_a_user_would_write_it(name: str, shown: str) -> None:
    assert default_text(next(option for option in OPTIONS if option.name == name)) == shown


def test_names_follow_from_the_key() -> None:
    option = next(option for option in OPTIONS if option.name == "max_body_mb")
    assert (option.flag, option.variable) == ("--max-body-mb", "TOKENTAPE_MAX_BODY_MB")
