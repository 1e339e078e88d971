from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tokentape.cli.errors import UsageError
from tokentape.cli.exporting import plan, read_written, write_exporting
from tokentape.cli.options import Settings
from tokentape.cli.settings import load
from tokentape.proxy.telemetry.otel.config import Content, Exporting, RequestLog

if TYPE_CHECKING:
    from pathlib import Path

COLLECTOR = "http://collector:4318"


def planned(environment: dict[str, str] | None = None, **settings: Any) -> Exporting:
    return plan(msgspec.structs.replace(Settings(), **settings), environment or {}).exporting


def test_without_anything_nothing_is_exported() -> None:
    assert not planned().on


def test_options_and_variables_come_together(tmp_path: Path) -> None:
    log = str(tmp_path / "calls.jsonl")
    exporting = planned(
        {"OTEL_LOGS_EXPORTER": "none"},
        otlp=COLLECTOR,
        upstream="http://gateway:8080/anthropic",
        otlp_metric_names="tokentape",
        capture_content="both",
        content_kb=1,
        content_redact=("a", "b"),
        content_hook="json:dumps",
        request_log=log,
        request_log_mb=0.5,
        request_log_keep=3,
    )
    assert set(exporting.destinations) == {"traces", "metrics"}
    assert (exporting.server_address, exporting.server_port) == ("gateway", 8080)
    assert exporting.metric_names == "tokentape"
    assert exporting.content == Content(
        spans=True, events=True, limit=1024, redact=("a", "b"), hook="json:dumps"
    )
    assert exporting.request_log == RequestLog(path=log, max_bytes=500_000, keep=3)


@pytest.mark.parametrize(
    ("settings", "environment", "sentence"),
    [
        ({"otlp": "http://a:b@c"}, {}, "must have no user name or password"),
        ({"otlp": COLLECTOR, "content_redact": ("(",)}, {}, "is no regular expression"),
        ({"otlp": COLLECTOR, "content_hook": "no_such_module_here:f"}, {}, "there is no such module"),
        ({"request_log": "/no/such/folder/calls.jsonl"}, {}, "is no folder that can be written to"),
        ({"otlp": COLLECTOR}, {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/no/ca.pem"}, "cannot be read"),
        ({}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector"}, "OTEL_EXPORTER_OTLP_ENDPOINT must be a URL"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(
    settings: dict[str, Any], environment: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    flags = {name: value if isinstance(value, str) else list(value) for name, value in settings.items()}
    with pytest.raises(UsageError, match=sentence) as refused:
        load(flags, environment, tmp_path, "up")
    assert refused.value.message.endswith(".")


def test_grpc_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        del name

    monkeypatch.setattr("importlib.util.find_spec", missing)
    with pytest.raises(ValueError, match=r"pip install 'tokentape\[grpc\]'"):
        planned(otlp=COLLECTOR, otlp_protocol="grpc")


@pytest.mark.parametrize("command", ["run", "demo"])
def test_stdout_is_the_request_logs_only_where_it_is_the_proxys_own(command: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name a file"):
        load({"request_log": "-"}, {}, tmp_path, command)
    assert load({"request_log": "-"}, {}, tmp_path, "up").request_log == "-"


def test_the_observer_is_told_in_a_file_of_the_users_own(tmp_path: Path) -> None:
    exporting = planned({"OTEL_EXPORTER_OTLP_HEADERS": "key=secret"}, otlp=COLLECTOR, content_kb=3)
    path = tmp_path / "exporting.json"
    write_exporting(path, exporting)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_written(str(path)) == exporting
