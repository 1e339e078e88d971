"""Planted secrets of every kind through a running `record` and `replay`: no file and no line holds one."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from tests.recorder.scrubbing.planted import IN_TEXT, SHAPED, secret_of
from tests.recorder.scrubbing.traffic import deltas
from tests.support.proxy import PATIENCE, eventually
from tests.support.recording import environment_in, running_record

from tokentape.recorder.cassette.store import load
from tokentape.recorder.scrubbing.check import find_leaks

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

PLANTED = SHAPED | IN_TEXT
KEY = "no-shape-at-all-but-a-key"
ORGANIZATION = "0f7b5c1e-9d2a-4c3b-8a65-2f1f0c9d7e44"
COOKIE = "s=crumbs-of-a-session"
_BARS = {"-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"}
SECRETS = {line for text in PLANTED.values() for line in secret_of(text).splitlines()} - _BARS | {
    KEY,
    ORGANIZATION,
    COOKIE,
}


class Echo(http.server.BaseHTTPRequestHandler):
    """Says back what it was asked: whole, as an error, or in a stream of pieces of seven characters."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text, shape = asked["system"], asked["shape"]
        if shape == "stream":
            pieces = [text[at : at + 7] for at in range(0, len(text), 7)]
            body, kind = b"".join(deltas("text", pieces)), "text/event-stream"
        else:
            body = json.dumps({"error": {"message": text}, "key": self.headers["x-api-key"]}).encode()
            kind = "application/json"
        self.send_response(400 if shape == "error" else 200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("set-cookie", COOKIE)
        self.send_header("anthropic-organization-id", ORGANIZATION)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        pass


@pytest.fixture
def upstream() -> Generator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def send_all(address: tuple[str, int]) -> int:
    """Every secret in a body, in a header and in the target; how many calls that were."""
    headers = {"x-api-key": KEY, "cookie": f"c={KEY}", "content-type": "application/json"}
    calls = 0
    with contextlib.closing(http.client.HTTPConnection(*address, timeout=PATIENCE)) as connection:
        for number, text in enumerate(PLANTED.values()):
            shape = ("plain", "error", "stream")[number % 3]
            target = f"/v1/messages?access_token={KEY}&n={number}"
            line = text.replace("\n", " ")
            body = json.dumps({"system": text, "shape": shape, "metadata": {"user_id": KEY}})
            connection.request("POST", target, body, {**headers, "x-stainless-runtime-version": line})
            connection.getresponse().read()
            calls += 1
    return calls


def held(text: str | bytes) -> set[str]:
    """The secrets in a text or a file."""
    data = text.encode() if isinstance(text, str) else text
    return {secret for secret in SECRETS if secret.encode() in data}


def held_below(folder: Path) -> dict[str, set[str]]:
    """The secrets in each file of a folder, in its name or in what it holds.

    The ledger, which never leaves its machine unasked, knows the organisation: that is whose bill it is.
    """
    found: dict[str, set[str]] = {}
    for path in folder.rglob("*"):
        if path.is_file():
            allowed = {ORGANIZATION} if path.name.startswith("ledger.sqlite3") else set[str]()
            found[path.name] = held(path.read_bytes() + str(path).encode()) - allowed
    return {name: secrets for name, secrets in found.items() if secrets}


def test_a_recording_holds_no_secret_and_says_none(upstream: str, tmp_path: Path) -> None:
    with running_record(tmp_path, "a.yaml", upstream=upstream) as running:
        calls = send_all(running.address)
        said = running.stop()
    cassette = load(tmp_path / "a.yaml")
    assert len(cassette.interactions) == calls
    assert (held_below(tmp_path), held(said.out + said.err), find_leaks(cassette)) == ({}, set(), [])


def test_what_a_killed_recording_leaves_holds_no_secret(upstream: str, tmp_path: Path) -> None:
    with running_record(tmp_path, "a.yaml", upstream=upstream) as running:
        send_all(running.address)
        eventually(
            lambda: any(one.stat().st_size > 10_000 for one in tmp_path.glob("*journal*")), "the journal"
        )
        running.kill_all()
    assert list(tmp_path.glob("*journal*"))
    assert held_below(tmp_path) == {}


def test_a_replay_finds_every_call_again_and_tells_no_secret_of_a_miss(upstream: str, tmp_path: Path) -> None:
    with running_record(tmp_path, "a.yaml", upstream=upstream) as running:
        calls = send_all(running.address)
        running.stop()
    command = [sys.executable, "-m", "tokentape.cli.main", "replay", "a.yaml"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment_in(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        host, _, port = process.stdout.readline().strip().rpartition("/")[2].rpartition(":")
        send_all((host, int(port)))
        send_all((host, int(port)))
        process.terminate()
        out, err = process.communicate(timeout=PATIENCE)
    assert f"{calls} hits, {calls} misses" in err
    assert (held(out + err), held_below(tmp_path)) == (set(), {})
