"""Recordings and the oracle's answers, made once a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.support import recordings
from tests.support.sdk_oracle import Oracle, Truth

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.support.recordings import Interaction


REASON: Final = f"{recordings.VARIABLE} names no folder of recordings"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs recordings before any fixture is made."""
    if recordings.folder() is None and not _strict():
        for item in items:
            if isinstance(item, pytest.Function) and "interactions" in item.fixturenames:
                item.add_marker(pytest.mark.skip(reason=REASON))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """All of those skips stand at the same place, so that the summary has one line for them."""
    report = yield
    match report.longrepr:
        case (_, _, str(reason)) if reason.endswith(REASON):
            report.longrepr = (str(Path(__file__).parent), None, reason)  # type: ignore[assignment]  # as pytest folds skips
        case _:
            pass
    return report


def _strict() -> bool:
    return os.environ.get("TOKENTAPE_CI_STRICT") == "1"


@pytest.fixture(scope="session")
def interactions() -> list[Interaction]:
    """Every recorded interaction; without the recordings a skip, in CI a failure."""
    place = recordings.folder()
    if place is None:
        pytest.fail(REASON)
    return recordings.load(place)


@pytest.fixture(scope="session")
def replies(interactions: list[Interaction]) -> list[Interaction]:
    """Every recorded reply to `POST /v1/messages`."""
    return [interaction for interaction in interactions if interaction.is_message]


@pytest.fixture(scope="session")
def oracle() -> Oracle:
    return Oracle()


@pytest.fixture(scope="session")
def truths(replies: list[Interaction], oracle: Oracle) -> dict[str, Truth]:
    """What the SDK makes of each reply, by its name."""
    return {reply.name: oracle.truth(reply) for reply in replies}
