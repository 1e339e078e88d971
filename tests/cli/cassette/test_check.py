from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli.cassette.running import kept, run
from tests.recorder.editing.samples import asked, conversation, said

from tokentape.recorder.cassette.interaction import Interaction

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

KEY = "sk-ant-api03-the-key-of-this-session-0001"


def leaking(key: str = KEY) -> Interaction:
    return Interaction(request=asked({"role": "user", "content": f"Use {key}"}), response=said("No."))


def test_a_clean_cassette_has_status_0(tmp_path: Path) -> None:
    result = run("check", kept(tmp_path / "a.yaml", *conversation()))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "1 file: nothing found.\n")


def test_a_secret_has_status_1_and_is_not_repeated(tmp_path: Path) -> None:
    file = kept(tmp_path / "a.yaml", *conversation(), leaking())
    result = run("check", file)
    assert (result.exit_code, result.stdout, result.stderr) == (
        1,
        f"{file}: interaction 2, request body: api-key: sk-a… (41 characters)\n",
        "1 file: 1 finding.\n",
    )


def test_a_broken_file_is_a_finding_among_others(tmp_path: Path) -> None:
    broken = tmp_path / "a.yaml"
    broken.write_text("interactions: [", encoding="utf-8")
    kept(tmp_path / "b.yaml", *conversation())
    kept(tmp_path / "c.yaml", leaking())
    result = run("check", tmp_path)
    first, second = result.stdout.splitlines()
    assert first.startswith(f"{broken}: broken: {broken} is no YAML: ")
    assert second.startswith(f"{tmp_path}/c.yaml: interaction 0, request body: api-key: ")
    assert (result.exit_code, result.stderr) == (1, "3 files: 2 findings.\n")


def test_what_a_user_names_is_looked_for_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = "[redact]\npatterns = ['tenant-\\d+']\njson_paths = ['messages[*].role']\n"
    (tmp_path / "tokentape.toml").write_text(rules, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    file = kept(tmp_path / "a.yaml", leaking("tenant-12"))
    result = run("check", file)
    assert result.exit_code == 1
    assert "request body: named: " in result.stdout
    monkeypatch.chdir(tmp_path.parent)
    assert run("check", file).exit_code == 0
