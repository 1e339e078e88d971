"""The play reports of a replay: what `tokentape cassette prune` goes by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tokentape.cli.errors import FailedError
from tokentape.recorder.editing.played import SUFFIX, begun, ended

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tokentape.recorder.cassette.interaction import Cassette


class Reports:
    """The reports of all cassettes, begun before the first request: a cassette may change meanwhile."""

    def __init__(self, folder: str, paths: Mapping[str, Path], cassettes: Mapping[str, Cassette]) -> None:
        """Reports into `folder`, of the cassettes by name."""
        self._folder = Path(folder)
        self._begun = {
            name: begun(path.name, path.read_bytes(), len(cassettes[name].interactions))
            for name, path in paths.items()
        }

    def write(self, played: Mapping[str, Collection[int]]) -> None:
        """Write all of them: `played` has the interactions of each cassette, by its name.

        Raises:
            FailedError: they cannot be written.
        """
        try:
            for name, report in self._begun.items():
                place = self._folder / f"{name}{SUFFIX}"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(ended(report, played.get(name, ())))
        except OSError as error:
            raise FailedError(f"--played {self._folder} cannot be written: {error.strerror}.") from None
