"""The process: says where it listens, and ends when it is told to or left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from tokentape.recorder.standin.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def process(*arguments: str, **more: object) -> Generator[tuple[subprocess.Popen[str], int]]:
    """A stand-in process and its port."""
    command = [sys.executable, "-m", "tokentape.recorder.standin", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **more) as child:  # type: ignore[call-overload] # passed on
        assert child.stdout is not None
        line = child.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:")
        try:
            yield child, int(line.rsplit(":", 1)[1])
        finally:
            child.kill()


def test_it_serves_until_sigterm() -> None:
    with process("--behaviour", '{"text": "Hello."}') as (child, port):
        connection = HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/.standin/healthz")
        assert json.loads(connection.getresponse().read()) == {"status": "ok"}
        child.send_signal(signal.SIGTERM)

        assert child.wait(20) == 0
        connection.close()


def test_it_ends_with_its_lifeline() -> None:
    reading, writing = os.pipe()
    with process("--lifeline", str(reading), pass_fds=(reading,)) as (child, _):
        os.close(reading)
        assert child.poll() is None
        os.close(writing)

        assert child.wait(20) == 0


def test_a_wrong_behaviour_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--behaviour", '{"tttf": 1}'])

    assert caught.value.code == 2
    assert "--behaviour: Object contains unknown field `tttf`" in capsys.readouterr().err
