"""The examples are what they say: they pass as they lie there, without a key and without a network."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.recorder.testing.suites import dead

if TYPE_CHECKING:
    import pytest

pytest_plugins = ["pytester"]

EXAMPLES = Path(__file__).parents[3] / "examples"


def test_the_agent_is_tested_three_ways(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(EXAMPLES / "agent", pytester.path / "agent", ignore=shutil.ignore_patterns("__pycache__"))
    dead(monkeypatch)
    result = pytester.runpytest_inprocess("--tokentape-unplayed=report", "agent")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(
        [
            "HIT 2  agent/test_agent.py::test_in_process",
            "HIT 2  agent/test_agent.py::test_as_a_program",
            "HIT 2, FAULT 2  agent/test_agent.py::test_when_the_api_is_overloaded",
        ]
    )
