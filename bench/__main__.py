"""`make bench` (options: ARGS="tick|sync|git|fleet --quick --full --json FILE")."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from bench import environment
from bench.environment import CHANGED, INTERVAL_SECONDS

if TYPE_CHECKING:
    from bench import fleet, git, sync
    from bench.tick import Memory, Row


def main() -> None:
    """Measure, print the tables, and keep the figures if asked to."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measure against peers and floors.")
    parser.add_argument("what", nargs="?", choices=("tick", "sync", "git", "fleet"), help="one of them only")
    parser.add_argument("--quick", action="store_true", help="one run of a small size: does it work at all?")
    parser.add_argument("--full", action="store_true", help="DatabaseScheduler at every size too (takes an hour)")
    parser.add_argument("--fabrics", type=int, help="fleet: this number only, instead of a search for the largest")
    parser.add_argument("--repositories", type=int, default=1_000, help="fleet: how many they share")
    parser.add_argument("--minutes", type=float, default=30, help="fleet: how long the last run is measured")
    parser.add_argument("--concurrency", type=int, default=2, help="fleet: worker processes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    options = parser.parse_args()
    environment.start()
    figures: dict[str, Any] = {}
    if options.what in {None, "tick"}:
        figures |= _tick(quick=options.quick, full=options.full)
    if options.what in {None, "sync"}:
        figures |= _sync(quick=options.quick)
    if options.what in {None, "git"}:
        figures |= _git(quick=options.quick)
    if options.what == "fleet":  # not among all: it takes from a few minutes to hours
        figures |= _fleet(options)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def _tick(*, quick: bool, full: bool) -> dict[str, Any]:
    from bench import tick  # noqa: PLC0415 - needs Django

    plan = tick.QUICK if quick else tick.Plan(full=full)
    rows = tick.timings(plan)
    memory = tick.memories(plan)
    show(rows, memory)
    return {"rows": [asdict(row) for row in rows], "memory": asdict(memory)}


def _sync(*, quick: bool) -> dict[str, Any]:
    from bench import sync  # noqa: PLC0415 - needs Django

    plan = sync.QUICK if quick else sync.Plan()
    rows = sync.timings(plan)
    parsing = sync.parsing(plan)
    peak_mib = sync.memory(plan)
    show_sync(rows, parsing, peak_mib)
    return {"syncs": [asdict(row) for row in rows], "parsing": asdict(parsing), "sync_peak_mib": peak_mib}


def _git(*, quick: bool) -> dict[str, Any]:
    from bench import git  # noqa: PLC0415 - opens its connections by the engine, which is not needed before

    rows = git.timings(git.QUICK if quick else git.Plan())
    show_git(rows)
    return {"looks": [asdict(row) for row in rows]}


def _fleet(options: argparse.Namespace) -> dict[str, Any]:
    from bench import fleet  # noqa: PLC0415 - needs Django

    asked = {name: getattr(options, name) for name in ("fabrics", "repositories", "minutes", "concurrency")}
    runs = fleet.largest(fleet.QUICK if options.quick else fleet.Plan(**asked))
    show_fleet(runs)
    return {"fleet": [asdict(run) for run in runs]}


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


def show_sync(rows: list[sync.Row], parsing: sync.Parsing, peak_mib: float) -> None:
    """Print the table, and a line each on parsing and memory."""
    table = Table(title=f"One sync of {rows[0].files:,} files with {rows[0].documents:,} documents, median ms")
    for heading in ("sync", "ours", "NetBox's way", "x NetBox's way", "floor", "x floor"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.sync,
            f"{row.ours_ms:,.1f}",
            f"{row.netbox_ms:,.1f}",
            f"{row.times_faster_than_netbox:.1f}",
            f"{row.floor_ms:,.1f}",
            f"{row.times_the_floor:.1f}",
        )
    console = Console(width=110)
    console.print(table)
    console.print(
        f"Parsing {parsing.documents:,} documents: ours {parsing.ours_ms:,.0f} ms with all checks, "
        f"PyYAML {parsing.pyyaml_ms:,.0f} ms, with libyaml {parsing.pyyaml_c_ms:,.0f} ms. "
        f"Peak of a first sync above idle: {peak_mib:.0f} MiB."
    )


def show_git(rows: list[git.Row]) -> None:
    """Print the table."""
    table = Table(title="What a sync needs of Git, median ms")
    headings = ("look", "files", "fabrics", "requests", "ours", "x one fabric", "dulwich", "x dulwich", "git", "x git")
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.look,
            f"{row.files:,}",
            f"{row.fabrics:,}",
            f"{row.requests:,}",
            _figure(row.ours_ms),
            _figure(row.times_one_fabric),
            _figure(row.dulwich_ms),
            _figure(row.times_faster_than_dulwich),
            _figure(row.git_ms),
            _figure(row.times_faster_than_git),
        )
    Console(width=110).print(table)


def show_fleet(runs: list[fleet.Figures]) -> None:
    """Print the table of all runs, and where the last one's time went."""
    table = Table(title=f"A fleet at {INTERVAL_SECONDS} s, {CHANGED:.0%} of it changed in each interval")
    headings = (
        "fabrics",
        "minutes",
        "keeps up",
        "on time",
        "late 50 %",
        "99 %",
        "longest",
        "syncs/s",
        "ms/sync",
        "idle",
    )
    for heading in (*headings, "others"):
        table.add_column(heading, justify="right")
    for run in runs:
        late = [f"{run.late_seconds[name]:.0f} s" for name in ("50 %", "99 %", "longest")]
        table.add_row(
            f"{run.fabrics:,}",
            f"{run.minutes:.1f}",
            "yes" if run.keeps_up else "no",
            f"{run.on_time:.1%}",
            *late,
            f"{run.syncs_per_second:.1f}",
            f"{sum(run.ms_per_sync.values()):.1f}",
            f"{run.idle:.0%}",
            f"{run.others:.0%}",
        )
    console = Console(width=110)
    console.print(table)
    last = runs[-1]
    each = ", ".join(f"{kind} {ms:.2f}" for kind, ms in last.ms_per_sync.items())
    rate = last.syncs_per_second / last.concurrency
    console.print(
        f"The last run, ms of processor time for each sync: {each}. {rate:.1f} syncs a second and worker process;"
        f" {last.changed} of {last.syncs} syncs found a change, {last.failed} failed;"
        f" longest tick {last.tick_seconds:.1f} s."
    )


def _figure(number: float | None) -> str:
    return "-" if number is None else f"{number:,.1f}"


if __name__ == "__main__":
    main()
