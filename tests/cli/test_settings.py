"""Where the values of options come from, and what is said of wrong ones."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest
from click.testing import CliRunner

from tokentape.cli.errors import UsageError
from tokentape.cli.main import main
from tokentape.cli.options import BY_NAME, OPTIONS, TABLES, Settings
from tokentape.cli.settings import load, misspelt
from tokentape.cli.values import Address

if TYPE_CHECKING:
    from pathlib import Path

    from tokentape.cli.options import Option

FREE = Address("127.0.0.1", 0)


def loaded(
    folder: Path, command: str = "up", environment: dict[str, str] | None = None, **flags: Any
) -> Settings:
    return load(flags, environment or {}, folder, command)


def refusal(
    folder: Path, command: str = "up", environment: dict[str, str] | None = None, **flags: Any
) -> str:
    with pytest.raises(UsageError) as caught:
        loaded(folder, command, environment, **flags)
    assert caught.value.exit_code == 2
    return caught.value.message


def pyproject(folder: Path, table: str) -> Path:
    file = folder / "pyproject.toml"
    file.write_text(f"[project]\nname = 'x'\n[tool.tokentape]\n{table}\n")
    return file


def test_options_and_settings_have_the_same_names() -> None:
    assert (*BY_NAME, *TABLES) == Settings.__struct_fields__
    assert len(BY_NAME) == len(OPTIONS)


def test_every_default_is_what_its_own_reader_would_give() -> None:
    for option in OPTIONS:
        default = option.default
        written = list(cast("tuple[str, ...]", default)) if isinstance(default, tuple) else default
        assert option.read(str(written) if isinstance(written, Address) else written) == default, option.name


def test_without_anything_the_defaults_count(tmp_path: Path) -> None:
    assert loaded(tmp_path) == Settings()


def test_flag_before_environment_before_file(tmp_path: Path) -> None:
    pyproject(tmp_path, "drain = 3\nworkers = 3\nmax_body_mb = 3")
    environment = {"TOKENTAPE_DRAIN": "2", "TOKENTAPE_WORKERS": "2"}
    settings = loaded(tmp_path, environment=environment, drain="1")
    assert (settings.drain, settings.workers, settings.max_body_mb) == (1, 2, 3)


def test_an_empty_variable_is_an_unset_one(tmp_path: Path) -> None:
    assert loaded(tmp_path, environment={"TOKENTAPE_DRAIN": ""}) == Settings()


OWN_EXAMPLES: dict[str, object] = {
    "timezone": "Europe/Berlin",
    "budget": "day=20,month=400.5",
    "budget_marks": "0.5,0.9",
    "ledger": "calls.db",
    "sort": "cost",
    "format": "csv",
    "match": "lenient",
    "after_last": "repeat_last",
    "fault": "overloaded:times=2,retry_after_ms=1",
    "otlp_protocol": "http/protobuf",
    "otlp_conventions": "latest",
    "otlp_metric_names": "tokentape",
    "otlp_temporality": "delta",
    "capture_content": "spans",
    "content_redact": "[0-9]{16}",
    "content_hook": "json:loads",
    "layout": "shared",
    "request_log": "calls.jsonl",
}
EXAMPLES: dict[type, object] = {
    int: 7,
    float: 7.5,
    tuple: ["a=b", "c=d"],
    str: "http://upstream.example:8000",
    Address: "127.0.0.1:1234",
}


@pytest.mark.parametrize(
    "option", [o for o in OPTIONS if o.name != "metric_labels"], ids=lambda option: option.name
)
def test_every_option_can_be_set_in_each_way(option: Option, tmp_path: Path) -> None:
    example = OWN_EXAMPLES.get(option.name) or EXAMPLES.get(type(option.default), not option.default)
    text = "a=b,c=d" if example == EXAMPLES[tuple] else str(example)
    command = "up" if "up" in option.commands else min(option.commands)
    by_flag = load({option.name: text}, {}, tmp_path, command)
    by_variable = loaded(tmp_path, command, {option.variable: text})
    line = f"{option.name} = {msgspec.json.encode(example).decode()}"
    (tmp_path / "tokentape.toml").write_text(line)
    by_file = loaded(tmp_path, command)
    wanted = option.read(example)
    assert wanted != option.default
    assert [getattr(each, option.name) for each in (by_flag, by_variable, by_file)] == [wanted] * 3


def test_an_option_of_other_commands_counts_for_those_only(tmp_path: Path) -> None:
    pyproject(tmp_path, "month = '2026-11'\nbudget = {day = 20}")
    assert (loaded(tmp_path, "report").month, loaded(tmp_path, "calls").month) == ("2026-11", "")
    assert loaded(tmp_path, "demo").budget == {}


def test_the_nearest_file_upwards_counts_and_tokentape_toml_comes_first(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    pyproject(tmp_path, "workers = 2")
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\nname = 'no table of ours'\n")
    assert loaded(below).workers == 2
    (tmp_path / "tokentape.toml").write_text("workers = 3")
    assert loaded(below).workers == 3
    pyproject(below, "workers = 4")
    assert loaded(below).workers == 4


def test_run_and_demo_take_free_ports_whatever_a_file_says(tmp_path: Path) -> None:
    pyproject(tmp_path, "listen = '127.0.0.1:1'\nadmin = '127.0.0.1:2'")
    assert [(s.listen, s.admin) for s in (loaded(tmp_path, "run"), loaded(tmp_path, "demo"))] == [
        (FREE, None),
        (FREE, FREE),
    ]
    given = loaded(tmp_path, "run", {"TOKENTAPE_LISTEN": "127.0.0.1:3"}, admin="127.0.0.1:4")
    assert (given.listen.port, given.admin) == (3, Address("127.0.0.1", 4))


def test_up_and_doctor_mean_the_ports_of_the_file(tmp_path: Path) -> None:
    pyproject(tmp_path, "listen = '127.0.0.1:1'")
    assert [loaded(tmp_path, command).listen.port for command in ("up", "doctor")] == [1, 1]


def test_run_carries_on_to_where_the_command_would_have_gone(tmp_path: Path) -> None:
    environment = {"ANTHROPIC_BASE_URL": "http://gateway.example"}
    assert loaded(tmp_path, "run", environment).upstream == "http://gateway.example"
    assert loaded(tmp_path, "run", environment, upstream="http://u").upstream == "http://u"
    assert loaded(tmp_path, "up", environment).upstream == "https://api.anthropic.com"


def test_an_unknown_key_is_refused_by_name(tmp_path: Path) -> None:
    file = pyproject(tmp_path, "max_body = 3")
    assert refusal(tmp_path) == f"{file} has an unknown key 'max_body': did you mean 'max_body_mb'?"
    pyproject(tmp_path, "zzz = 3")
    assert refusal(tmp_path) == f"{file} has an unknown key 'zzz': docs/configuration.md lists all options."


def test_a_wrong_value_is_named_with_its_source_even_where_another_source_wins(tmp_path: Path) -> None:
    ending = "must be a number of seconds from 0 to 86400, not"
    assert refusal(tmp_path, drain="-1") == f"--drain {ending} '-1'."
    assert (
        refusal(tmp_path, environment={"TOKENTAPE_DRAIN": "x"}, drain="1") == f"TOKENTAPE_DRAIN {ending} 'x'."
    )
    file = pyproject(tmp_path, "drain = 'long'")
    assert refusal(tmp_path, drain="1") == f"drain in {file} {ending} 'long'."


def test_a_file_that_is_no_toml_or_no_table_is_named(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text("[tool.tokentape")
    assert refusal(tmp_path).startswith(f"{file} cannot be read: ")
    file.write_bytes(b"\xff")
    assert refusal(tmp_path).startswith(f"{file} cannot be read: ")
    file.write_text("tool.tokentape = 3")
    assert refusal(tmp_path) == f"tool.tokentape in {file} must be a table."


def test_ports_that_others_can_reach_need_expose(tmp_path: Path) -> None:
    advice = "can be reached by other machines: add --expose to allow that, or bind 127.0.0.1."
    assert refusal(tmp_path, listen="0.0.0.0:8585") == f"--listen 0.0.0.0:8585 {advice}"
    assert refusal(tmp_path, admin="[::]:9464") == f"--admin [::]:9464 {advice}"
    assert loaded(tmp_path, listen="0.0.0.0:8585", expose=True).listen.host == "0.0.0.0"
    assert loaded(tmp_path, "doctor", listen="0.0.0.0:8585").listen.host == "0.0.0.0"


def test_one_port_cannot_be_two(tmp_path: Path) -> None:
    same = "127.0.0.1:1"
    assert (
        refusal(tmp_path, listen=same, admin=same)
        == f"--listen and --admin are both {same}: choose two ports."
    )
    assert loaded(tmp_path, listen="127.0.0.1:0", admin="127.0.0.1:0").listen == FREE


@pytest.mark.parametrize("listen", ["127.0.0.1:8585", "localhost:8585", "[::1]:8585"])
def test_the_proxy_is_not_its_own_upstream(listen: str, tmp_path: Path) -> None:
    url = "http://localhost:8585"
    expected = f"--upstream {url} is the proxy itself: name the server behind it."
    assert refusal(tmp_path, listen=listen, upstream=url) == expected


@pytest.mark.parametrize("url", ["api.anthropic.com", "ftp://x", "http://", "http://x:99999", "http://u@x"])
def test_an_upstream_is_a_url(url: str, tmp_path: Path) -> None:
    """The sentence is that of `parse_upstream`."""
    assert refusal(tmp_path, upstream=url).startswith("The upstream")


@pytest.mark.parametrize("keys", ["a,b,c,d", "model", "1st", "a,a", "pro ject"])
def test_metric_labels_must_be_able_to_be_labels(keys: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, metric_labels=keys).startswith("metric_labels")


@pytest.mark.parametrize(
    ("ledger", "why"),
    [
        ("mysql://x/y", "A ledger is a file or a postgresql:// URL, not mysql://."),
        ("://x", "The ledger's URL is not one: write postgresql://user@host/database."),
    ],
)
def test_a_ledger_that_cannot_be_one_is_refused_before_anything_starts(
    ledger: str, why: str, tmp_path: Path
) -> None:
    assert refusal(tmp_path, ledger=ledger) == f"--ledger: {why}"


def test_a_postgresql_ledger_without_its_driver_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    why = "A PostgreSQL ledger needs psycopg: pip install 'tokentape[postgres]'."
    assert refusal(tmp_path, ledger="postgresql://u@h/d") == f"--ledger: {why}"
    result = CliRunner().invoke(main, ["report", "--ledger", "postgresql://u@h/d"])
    assert (result.exit_code, result.stderr) == (1, f"Error: {why}\n")


def test_a_variable_that_only_looks_like_ours_is_named_with_the_nearest_option() -> None:
    strangers = {"TOKENTAPE_WORKER": "3", "TOKENTAPE_" + "Q": ""}
    assert misspelt({"PATH": "/bin", "TOKENTAPE_DRAIN": "3", **strangers}) == [
        "TOKENTAPE_Q is no option of tokentape: docs/configuration.md lists all options.",
        "TOKENTAPE_WORKER is no option of tokentape: did you mean TOKENTAPE_WORKERS?",
    ]


def test_no_option_is_a_stranger() -> None:
    assert misspelt({option.variable: "1" for option in OPTIONS}) == []


def test_the_warning_is_one_line_on_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENTAPE_WORKER", "3")
    nobody = ("--listen", "127.0.0.1:1", "--admin", "127.0.0.1:2", "--upstream", "http://127.0.0.1:3")
    result = CliRunner().invoke(main, ["doctor", *nobody])
    assert result.stderr == "TOKENTAPE_WORKER is no option of tokentape: did you mean TOKENTAPE_WORKERS?\n"
