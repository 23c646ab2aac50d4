"""How syncs get on, shown while they do: bars on a terminal, a line for each change elsewhere, or nothing."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

import rich.progress
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from netbox_hedgehog.models import Activity
from netbox_hedgehog.sync.progress import Progress

# More lines than these do not fit a terminal, and tell nobody anything.
MOST_LINES: Final = 10


class Display:
    """Shows nothing; the base of those that do."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def under_way(self, fabric: str, activity: Activity, progress: Progress | None) -> None:
        """What happens with a fabric now, and how far its sync is; said again and again."""

    def ended(self, fabric: str, outcome: str, *, is_well: bool) -> None:
        """How a fabric's sync ended; said once."""


class Lines(Display):
    """For a pipe or a log: one line for each stage."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: dict[str, str] = {}

    def under_way(self, fabric: str, activity: Activity, progress: Progress | None) -> None:
        stage = progress["stage"] if progress else str(activity.label)
        if self._said.get(fabric) != stage:
            self._said[fabric] = stage
            far = f" {progress['done']:,} of {progress['total']:,}" if progress else ""
            self._console.print(Text(f"{fabric}: {stage}{far}"))

    def ended(self, fabric: str, outcome: str, *, is_well: bool) -> None:
        self._said.pop(fabric, None)
        self._console.print(Text(f"{fabric}: {outcome}", style="" if is_well else "red"))


class Bars(Display):
    """For a terminal: one bar for all, a line for each fabric that is syncing, and the outcomes above them."""

    def __init__(self, console: Console, total: int) -> None:
        self._bars = rich.progress.Progress(
            SpinnerColumn(),
            # Bounded, or a long name takes a narrow terminal for itself.
            TextColumn(
                "{task.description}",
                markup=False,
                table_column=Column(max_width=console.width // 2, no_wrap=True, overflow="ellipsis"),
            ),
            BarColumn(bar_width=min(40, console.width // 4)),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._all = self._bars.add_task("all", total=total)
        self._syncing: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def under_way(self, fabric: str, activity: Activity, progress: Progress | None) -> None:
        if activity == Activity.SYNCING and fabric not in self._syncing and len(self._syncing) < MOST_LINES:
            self._syncing[fabric] = self._bars.add_task(fabric, total=None)
        if progress and fabric in self._syncing:
            self._bars.update(
                self._syncing[fabric],
                description=f"{fabric}: {progress['stage']}",
                completed=progress["done"],
                total=progress["total"],
            )

    def ended(self, fabric: str, outcome: str, *, is_well: bool) -> None:
        if fabric in self._syncing:
            self._bars.remove_task(self._syncing.pop(fabric))
        self._bars.console.print(Text(f"{fabric}: {outcome}", style="" if is_well else "red"))
        self._bars.advance(self._all)


def display_on(console: Console, total: int) -> Display:
    """What suits the console."""
    return Bars(console, total) if console.is_terminal else Lines(console)
