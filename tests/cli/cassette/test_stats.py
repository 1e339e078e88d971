from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from tests.cli.cassette.running import kept, run
from tests.recorder.editing.samples import conversation, first_turn

if TYPE_CHECKING:
    from pathlib import Path


def test_a_table_for_people(tmp_path: Path) -> None:
    kept(tmp_path / "a.yaml", *conversation())
    kept(tmp_path / "b.yaml", first_turn())
    result = run("stats", tmp_path)
    assert (result.exit_code, result.stderr) == (0, "")
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["/v1/messages", "claude-sonnet-4-5", "3", "30", "15", "0.0003"] in rows
    assert ["total", "3", "30", "15", "0.0003"] in rows
    assert "3 interactions, " in result.stdout
    assert "is sent 1." in result.stdout


def test_json_for_programs(tmp_path: Path) -> None:
    result = run("stats", kept(tmp_path / "a.yaml", *conversation()), "--format", "json")
    found = json.loads(result.stdout)
    assert found["interactions"] == 2
    assert found["rows"] == [
        {
            "endpoint": "/v1/messages",
            "model": "claude-sonnet-4-5",
            "calls": 2,
            "errors": 0,
            "input_tokens": 20,
            "cache_read_tokens": 0,
            "cache_write_tokens": 0,
            "output_tokens": 10,
            "usd": 0.00021,
            "unpriced": 0,
        }
    ]


def test_csv_for_a_spreadsheet(tmp_path: Path) -> None:
    result = run("stats", kept(tmp_path / "a.yaml", *conversation()), "--format", "csv")
    assert list(csv.DictReader(io.StringIO(result.stdout))) == [
        {
            "endpoint": "/v1/messages",
            "model": "claude-sonnet-4-5",
            "calls": "2",
            "errors": "0",
            "input_tokens": "20",
            "cache_read_tokens": "0",
            "cache_write_tokens": "0",
            "output_tokens": "10",
            "unpriced": "0",
            "usd": "0.000210",
        }
    ]


def test_a_format_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    result = run("stats", kept(tmp_path / "a.yaml", *conversation()), "--format", "xml")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
