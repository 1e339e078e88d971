"""No test here touches the user's cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tokentape.recorder.cassette import cache

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture(scope="session", autouse=True)
def _own_cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    folder = tmp_path_factory.mktemp("cache") / "cassettes"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "default_folder", lambda: folder)
        yield
