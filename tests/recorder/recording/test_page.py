"""docs/recording.md says what is."""

from __future__ import annotations

from pathlib import Path

from tokentape.recorder.recording.session import file_name
from tokentape.recorder.recording.takes import REASONS

PAGE = (Path(__file__).parents[3] / "docs" / "recording.md").read_text("utf-8")


def test_every_reason_is_on_the_page_in_the_words_of_the_command() -> None:
    _, _, rest = PAGE.partition("<!-- reasons -->\n")
    table, _, _ = rest.partition("<!-- end of reasons -->")
    rows = [f"| `{reason}` | {sentence} |" for reason, sentence in REASONS.items()]
    assert table.splitlines() == ["| reason | |", "|---|---|", *rows]


def test_the_example_of_a_name_is_right() -> None:
    assert f"`a/b` becomes `{file_name('a/b')}`" in PAGE
