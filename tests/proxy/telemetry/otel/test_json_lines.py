from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest
from tests.support.calls import make_call
from tests.support.full_call import BILL, full_call

from tokentape.proxy.telemetry.otel.config import Exporting, RequestLog
from tokentape.proxy.telemetry.otel.context import Contexts
from tokentape.proxy.telemetry.otel.json_lines import LogFile, RequestLogWriter
from tokentape.proxy.telemetry.otel.pipeline import Finished
from tokentape.proxy.telemetry.otel.tally import Tally

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 30.0


def writer(log: RequestLog) -> tuple[RequestLogWriter, Tally]:
    tally = Tally("request_log")
    exporting = Exporting(server_address="api.anthropic.com", server_port=443)
    return RequestLogWriter(exporting, log, Contexts(b"salt"), tally), tally


def test_a_call_is_a_line_with_what_a_request_log_must_have(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    made, tally = writer(RequestLog(path=str(path)))
    made.start()
    made.put(Finished(full_call(), BILL))
    made.put(Finished(make_call(), None))
    made.close(PATIENCE)
    first, second = map(json.loads, path.read_text().splitlines())
    expected = {
        "time": "2026-09-21T14:13:22.000Z",
        "event.name": "tokentape.call",
        "gen_ai.response.model": "claude-sonnet-4-5",
        "gen_ai.usage.input_tokens": 4037,
        "gen_ai.usage.output_tokens": 190,
        "tokentape.duration": 2.0,
        "anthropic.message.stop_reason": "max_tokens",
        "anthropic.request.id": "req_1",
        "tokentape.cost.usd": 0.0123,
        "server.address": "api.anthropic.com",
    }
    assert {name: first[name] for name in expected} == expected
    assert second["tokentape.outcome"] == "ok"
    assert tally.sent == 2


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    LogFile(RequestLog(path=str(path))).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_there_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_bytes(b"before\n")
    file = LogFile(RequestLog(path=str(path)))
    file.write([b"after\n"])
    file.close()
    assert path.read_bytes() == b"before\nafter\n"


def test_a_file_that_is_full_makes_room_for_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    file = LogFile(RequestLog(path=str(path), max_bytes=10, keep=2))
    for number in range(8):
        file.write([b"line %d\n" % number])
    file.close()
    assert {found.name: found.read_text() for found in tmp_path.iterdir()} == {
        "calls.jsonl": "line 7\n",
        "calls.jsonl.1": "line 6\n",
        "calls.jsonl.2": "line 5\n",
    }


def test_nothing_old_is_kept_where_nothing_is_to_be_kept(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    file = LogFile(RequestLog(path=str(path), max_bytes=10, keep=0))
    for number in range(3):
        file.write([b"line %d\n" % number])
    file.close()
    assert [found.name for found in tmp_path.iterdir()] == ["calls.jsonl"]


def test_a_disk_that_fails_costs_lines_and_they_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    made, tally = writer(RequestLog(path="/dev/full", max_bytes=10**12))
    made.start()
    made.put(Finished(make_call(), None))
    made.close(PATIENCE)
    assert (tally.sent, dict(tally.lost)) == (0, {"failed": 1})
    assert "request-log failed" in caplog.text


def test_a_path_that_cannot_be_opened_is_an_error_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        writer(RequestLog(path=str(tmp_path / "nowhere" / "calls.jsonl")))
