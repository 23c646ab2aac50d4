"""`make bench` (options: ARGS="--quick --full --json FILE")."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from bench import environment

if TYPE_CHECKING:
    from bench.tick import Memory, Row


def main() -> None:
    """Measure, print one table, and keep the figures if asked to."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measure the tick against peers and floors.")
    parser.add_argument("--quick", action="store_true", help="one run at 100 fabrics: does it work at all?")
    parser.add_argument("--full", action="store_true", help="DatabaseScheduler at every size too (takes an hour)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    options = parser.parse_args()
    environment.start()
    from bench import tick  # noqa: PLC0415 - needs Django

    plan = tick.QUICK if options.quick else tick.Plan(full=options.full)
    rows = tick.timings(plan)
    memory = tick.memories(plan)
    show(rows, memory)
    if options.json:
        figures = {"rows": [asdict(row) for row in rows], "memory": asdict(memory)}
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def show(rows: list[Row], memory: Memory) -> None:
    """Print the table and one line on memory."""
    table = Table(title="One tick, median ms")
    for heading in ("fabrics", "due", "ours", "naive", "x naive", "floor", "x floor", "DatabaseScheduler"):
        table.add_column(heading, justify="right")
    for row in rows:
        scheduler = row.database_scheduler_ms
        table.add_row(
            f"{row.fabrics:,}",
            f"{row.due:,}",
            f"{row.ours_ms:,.1f}",
            f"{row.naive_ms:,.1f}",
            f"{row.times_faster_than_naive:.1f}",
            f"{row.floor_ms:,.1f}",
            f"{row.times_the_floor:.1f}",
            "-" if scheduler is None else f"{scheduler:,.0f}",
        )
    console = Console(width=110)
    console.print(table)
    console.print(
        f"Peak above idle at {memory.fabrics:,} fabrics: ours {memory.peak_ours:.1f} MiB with 1 % due, "
        f"{memory.peak_ours_all_due:.1f} MiB with all due; naive {memory.peak_naive:.1f} MiB with 1 % due. "
        f"Growth over {memory.growth_ticks:,} ticks: {memory.growth:.1f} MiB."
    )


if __name__ == "__main__":
    main()
