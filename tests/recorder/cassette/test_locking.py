"""One writer a cassette, in this process and in others, and none that outlives its process."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tokentape.recorder.cassette.errors import CassetteBusyError
from tokentape.recorder.cassette.locking import locked

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import sys
from pathlib import Path
from tokentape.recorder.cassette.locking import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.yaml"


def holder(path: Path) -> subprocess.Popen[str]:
    """A process that holds the lock until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_is_named(path: Path) -> None:
    with holder(path) as process:
        with (
            pytest.raises(CassetteBusyError, match=f"is being written by process {process.pid}: "),
            locked(path),
        ):
            pass
        process.communicate("")
    with locked(path):
        pass
    assert list(path.parent.iterdir()) == []


def test_the_lock_of_a_killed_process_is_free(path: Path) -> None:
    with holder(path) as process:
        process.kill()
        process.wait()
    with locked(path):
        pass
    assert list(path.parent.iterdir()) == []


def test_another_thread_is_refused_too(path: Path) -> None:
    errors: list[str] = []

    def try_it() -> None:
        try:
            with locked(path):
                pass
        except CassetteBusyError as error:
            errors.append(str(error))

    with locked(path):
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
    assert len(errors) == 1


def test_of_many_that_try_at_once_exactly_one_holds_it(path: Path) -> None:
    holding: list[int] = []
    most: list[int] = []
    guard = threading.Lock()

    def try_often() -> None:
        for _ in range(50):
            try:
                with locked(path):
                    with guard:
                        holding.append(1)
                        most.append(len(holding))
                    with guard:
                        holding.pop()
            except CassetteBusyError:
                pass

    threads = [threading.Thread(target=try_often) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}


def test_different_cassettes_do_not_mind_each_other(path: Path) -> None:
    with locked(path), locked(path.with_name("y.yaml")):
        pass
