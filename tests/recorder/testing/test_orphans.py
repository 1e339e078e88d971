"""Cassettes whose tests are gone are named, and nothing else is."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

SUITE = """
import pytest

@pytest.mark.tokentape
def test_one(): pass

@pytest.mark.tokentape("shared")
def test_two(): pass
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(test_it=SUITE)
    folder = pytester.mkdir("cassettes") / "test_it"
    folder.mkdir()
    for name in ("test_one", "shared", "test_gone"):
        (folder / f"{name}.yaml").write_text("interactions: []\nversion: 1\n")
    return pytester


def test_an_orphan_is_named(suite: pytest.Pytester) -> None:
    result = suite.runpytest_inprocess()
    assert result.ret == 0
    lines = [line for line in result.outlines if line.startswith("ORPHAN")]
    assert lines == ["ORPHAN  cassettes/test_it/test_gone.yaml: no test has this cassette; remove it"]


def test_an_orphan_fails_the_run_where_that_is_asked(suite: pytest.Pytester) -> None:
    assert suite.runpytest_inprocess("--tokentape-orphans=fail").ret == 1


@pytest.mark.parametrize("part", [("-k", "one"), ("test_it.py::test_one",)])
def test_a_part_of_a_suite_has_no_orphans(suite: pytest.Pytester, part: tuple[str, ...]) -> None:
    result = suite.runpytest_inprocess(*part, "--tokentape-orphans=fail")
    assert result.ret == 0
    result.stdout.no_fnmatch_line("ORPHAN*")
