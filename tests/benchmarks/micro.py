"""Rows that measure one component by itself: each is a module beside this one that prints its figures."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

from tests.benchmarks.results import RowResult

NAMES = ("dialect", "cassettes", "matching", "otlp", "standin", "replay")


def available() -> list[str]:
    """The ones that exist."""
    return [name for name in NAMES if importlib.util.find_spec(f"tests.benchmarks.{name}")]


def run_micro(name: str) -> RowResult:
    """Run `python -m tests.benchmarks.NAME` and keep what it prints."""
    command = (sys.executable, "-m", f"tests.benchmarks.{name}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    text = done.stdout.strip() if done.returncode == 0 else f"failed:\n{done.stderr.strip()}"
    return RowResult(name=name, claim="by itself", unit="", lines=(), verdicts={}, skipped={}, text=text)
