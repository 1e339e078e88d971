"""What a demo shows: its progress on a terminal, the figures everywhere."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn

from tokentape.cli.demo.table import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from rich.console import Console, RenderableType

    from tokentape.cli.demo.figures import Figures
    from tokentape.proxy.ledger.report import Report


BOARDS: Final = (
    "To see calls of your own on Grafana boards: "
    "docker compose -f grafana/compose.yaml up -d (grafana/README.md)."
)


class Stage:
    """Where a demo is shown. A pipe gets the figures and nothing else."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextlib.contextmanager
    def tour(self, scenes: int) -> Generator[Callable[[str], contextlib.AbstractContextManager[None]]]:
        """A context in which each scene is shown, as long as its own context lasts."""
        columns = (BarColumn(20), TextColumn("{task.description}"))
        with Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_interactive
        ) as progress:
            task = progress.add_task("", total=scenes)

            @contextlib.contextmanager
            def scene(title: str) -> Generator[None]:
                progress.update(task, description=title)
                yield
                progress.advance(task)
                if self._console.is_terminal:
                    progress.console.print(f"[green]✓[/] {title}")

            yield scene

    def show(self, figures: Figures, metrics_url: str) -> None:
        """The figures after the tour, once and for all."""
        if self._console.is_terminal:
            self._console.print()
        self._console.print(_figures(figures))
        self._console.print(f"\nmetrics {metrics_url}", soft_wrap=True)

    def end(self, report: Report | None) -> None:
        """What it all would have cost, as `tokentape report` has it."""
        from tokentape.cli.asking.out import print_whole
        from tokentape.cli.asking.report_view import beside, tables

        if report is not None:
            self._console.print()
            print_whole(self._console, *tables(report))
            self._console.print(f"\n{beside(report.total)}")
        self._console.print(f"\n{BOARDS}", soft_wrap=True)

    @contextlib.contextmanager
    def going_on(
        self, figures: Figures, metrics_url: str, base_url: str
    ) -> Generator[Callable[[Figures], None]]:
        """A context in which the figures after the tour change with the traffic; in a pipe they stay."""
        if not self._console.is_interactive:
            self.show(figures, metrics_url)
            self._console.print(
                f"Some traffic goes on through {base_url}, until SIGTERM or Ctrl-C.", soft_wrap=True
            )
            yield lambda _figures: None
            return
        self._console.print(
            f"\nmetrics {metrics_url}\n"
            f"Some traffic goes on through {base_url}, for a scraper to see. Ctrl-C stops.\n",
            soft_wrap=True,
        )
        with Live(_figures(figures), console=self._console, auto_refresh=False) as live:
            yield lambda later: live.update(_figures(later), refresh=True)


def _figures(figures: Figures) -> RenderableType:
    lost = f"{figures.unmetered:,} calls were carried but not metered."
    return Group(tables(figures), lost) if figures.unmetered else tables(figures)
