"""What is not documented fails here, and so does what is documented and not there."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Final

import click
import pytest
from tests.support import faults_page, options_page, reports_page, standin_page

from tokentape.cli.demo.scenes import SCENES
from tokentape.cli.main import main
from tokentape.cli.options import OPTIONS
from tokentape.cli.settings import misspelt
from tokentape.recorder.faults.catalogue import DECLARED
from tokentape.recorder.standin.behaviour import Settings

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.md", "docs/**/*.md", "tests/benchmarks/*.md")
    for path in ROOT.glob(pattern)
)
SOURCES: Final = sorted(
    path for root in ("proxy", "recorder", "dashboards") for path in (ROOT / root).rglob("*.py")
)


def read(page: Path | str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


ALL_PAGES: Final = "\n".join(read(page) for page in PAGES)


def test_the_table_of_options_is_up_to_date() -> None:
    page = read("docs/configuration.md")
    again = "python -m tests.support.options_page docs/configuration.md"
    assert options_page.renewed(page) == page, f"write it again: {again}"


def test_the_page_of_the_stand_in_is_up_to_date() -> None:
    page = read("docs/standin.md")
    again = "python -m tests.support.standin_page docs/standin.md"
    assert standin_page.renewed(page) == page, f"write it again: {again}"


@pytest.mark.parametrize("path", ["README.md", "docs/reports.md"])
def test_the_examples_of_reports_are_what_the_commands_print(path: str) -> None:
    page = read(path)
    again = f"python -m tests.support.reports_page {path}"
    assert reports_page.renewed(page) == page, f"write it again: {again}"


def test_every_field_of_a_behaviour_is_on_its_page() -> None:
    page = read("docs/standin.md")
    assert [name for name in Settings.__struct_fields__ if f"| `{name}` |" not in page] == []


def test_the_page_of_the_faults_is_up_to_date() -> None:
    page = read("docs/faults.md")
    again = "python -m tests.support.faults_page docs/faults.md"
    assert faults_page.renewed(page) == page, f"write it again: {again}"
    assert [name for name in DECLARED if f"\n### {name}\n" not in page] == []


def test_every_option_is_in_its_three_forms_on_the_page() -> None:
    page = read("docs/configuration.md")
    for option in OPTIONS:
        assert [form for form in (option.flag, option.variable, f"`{option.name}`") if form not in page] == []


def test_every_variable_that_the_code_names_is_documented() -> None:
    pattern = re.compile(r"\b(?:TOKENTAPE|ANTHROPIC|SSL|OTEL)_[A-Z][A-Z0-9_]*[A-Z0-9]\b")
    tooling = [ROOT / "Makefile", ROOT / ".ci/run", *(ROOT / "tests").rglob("*.py")]
    named = {name for path in SOURCES for name in pattern.findall(path.read_text(encoding="utf-8"))}
    ours = {
        name
        for path in tooling
        for name in pattern.findall(path.read_text(encoding="utf-8"))
        if name.startswith("TOKENTAPE_")
    }
    assert {name for name in named | ours if name not in ALL_PAGES} - CLIENTS_OWN == set()


CLIENTS_OWN: Final = {"ANTHROPIC_API_KEY", "ANTHROPIC_API_URL"}
"""Read by clients only; `tokentape doctor` explains them."""


def test_no_documented_variable_is_warned_of() -> None:
    documented = set(re.findall(r"\bTOKENTAPE_[A-Z][A-Z0-9_]*[A-Z0-9]\b", ALL_PAGES))
    assert [warning.split()[0] for warning in misspelt(dict.fromkeys(documented, "1"))] == [
        "TOKENTAPE_WORKER"
    ]


def shell_lines(text: str) -> list[str]:
    """Lines of shell blocks, and code in running text."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [*(line for block in blocks for line in block.splitlines()), *inline]


def documented_calls() -> list[list[str]]:
    """Every `tokentape ...` on any page, as words."""
    lines = (line.partition("#")[0].strip() for line in shell_lines(ALL_PAGES))
    return [shlex.split(line) for line in lines if line.startswith("tokentape ")]


def test_every_documented_call_names_commands_and_options_that_exist() -> None:
    calls = documented_calls()
    assert len(calls) > 5
    for _, name, *rest in calls:
        assert name in main.commands, name
        own = rest[: rest.index("--")] if "--" in rest else rest
        command, own = subcommand(main.commands[name], own)
        assert [word for word in own if word.startswith("--") and word not in flags(command)] == []


def subcommand(command: click.Command, words: list[str]) -> tuple[click.Command, list[str]]:
    """What a group's first word names, and the rest."""
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        command, words = command.commands[words[0].rstrip(",")], words[1:]
    return command, words


def flags(command: click.Command) -> set[str]:
    return {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}


def test_every_command_is_in_the_readme() -> None:
    readme = read("README.md")
    assert [name for name in main.commands if f"tokentape {name}" not in readme] == []


def test_every_documented_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    named = {match for line in shell_lines(ALL_PAGES) for match in re.findall(r"^make ([a-z-]+)", line)}
    assert named - targets == set()
    assert named


def test_every_documented_python_module_exists() -> None:
    named = {match for line in shell_lines(ALL_PAGES) for match in re.findall(r"python -m ([\w.]+)", line)}
    roots = [ROOT, *(ROOT / root for root in ("proxy", "recorder", "dashboards"))]
    paths = {name: name.replace(".", "/") for name in named}
    assert {
        name
        for name, path in paths.items()
        if not any((root / f"{path}.py").is_file() or (root / path).is_dir() for root in roots)
    } == set()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", read(page))
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (ROOT / page.parent / target).exists()] == []


def test_the_picture_is_of_a_run_of_all_scenes_and_loads_nothing() -> None:
    picture = re.sub(r"&#160;", " ", read("docs/images/demo.svg"))
    assert [scene.title for scene in SCENES if scene.title not in picture] == []
    assert not re.search(r"@font-face|url\((?!#)|<image|<script", picture)


def test_the_changelog_has_the_version_or_what_is_unreleased() -> None:
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    changelog = read("CHANGELOG.md")
    assert f"## [{version}]" in changelog or "## [Unreleased]" in changelog
