"""The gate is itself tested: each mistake turns it red."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.dashboards import boards
from tests.dashboards.alerting.rule_tests import rule_tests
from tests.dashboards.gate.gate import gate
from tests.dashboards.gate.mutations import BOARD_MUTATIONS, RULE_MUTATIONS
from tests.support.prometheus import require

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dashboards.gate.gate import Stand
    from tests.dashboards.gate.mutations import Mutation, RuleMutation


@pytest.mark.parametrize("mutation", BOARD_MUTATIONS, ids=lambda each: each.mistake)
def test_a_mistake_in_a_board_is_found(mutation: Mutation, stand: Stand) -> None:
    mutant = mutation.made_in(boards.board(mutation.board))
    assert gate(mutation.board, mutant, stand, ("1h",)) != []


@pytest.mark.parametrize("mutation", RULE_MUTATIONS, ids=lambda each: each.mistake)
def test_a_mistake_in_an_alert_is_found(mutation: RuleMutation, tmp_path: Path) -> None:
    """By the scenario of that alert alone, which passes without the mistake."""
    assert _passes(tmp_path, mutation.alert, "", "")
    assert not _passes(tmp_path, mutation.alert, mutation.old, mutation.new)


def _passes(folder: Path, alert: str, old: str, new: str) -> bool:
    committed = boards.GRAFANA / "prometheus"
    rules = (committed / "alert-rules.yaml").read_text(encoding="utf-8")
    before, name, entry = rules.partition(f"- alert: {alert}\n")
    changed = entry.replace(old, new, 1) if old else entry
    assert changed != entry or not old
    (folder / "alert-rules.yaml").write_text(before + name + changed, encoding="utf-8")
    recording = (committed / "recording-rules.yaml").read_text(encoding="utf-8")
    (folder / "recording-rules.yaml").write_text(recording, encoding="utf-8")
    (folder / "tests.yaml").write_text(rule_tests(alert), encoding="utf-8")
    command = [require("promtool"), "test", "rules", str(folder / "tests.yaml")]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
