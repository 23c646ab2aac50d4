"""Tables for the terminal, of what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from bench.environment import CHANGED, INTERVAL_SECONDS

if TYPE_CHECKING:
    from bench import endurance, fleet, git, pages, summary, sync, tick, workers


def show_tick(rows: list[tick.Row], memory: tick.Memory) -> None:
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


def show_workers(rows: list[workers.Row]) -> None:
    """Print the table."""
    table = Table(title=f"A backlog of {rows[0].syncs:,} unchanged fabrics, each of a repository of its own")
    for heading in ("processes", "syncs a second", "idle"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(str(row.processes), f"{row.syncs_per_second:.1f}", f"{row.idle:.0%}")
    Console(width=110).print(table)


def show_pages(plan: pages.Plan, rows: list[pages.Row]) -> None:
    """Print the table."""
    few, many = f"{plan.few[0]:,}", f"{plan.many[0]:,}"
    table = Table(title=f"Pages with {few} and {many} fabrics, median ms in the server")
    table.add_column("page")
    for heading in (few, many, "x", f"queries at {few}", f"at {many}"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.page,
            f"{row.few_ms:,.0f}",
            f"{row.many_ms:,.0f}",
            f"{row.times_as_long:.1f}",
            str(row.few_queries),
            str(row.many_queries),
        )
    Console(width=110).print(table)


def show_endurance(figures: endurance.Figures) -> None:
    """Print the table, and by how much each process has grown."""
    names = list(figures.samples[0].mib)
    table = Table(title="Resident memory over syncs and ticks, MiB")
    for heading in ("syncs", "ticks", *names):
        table.add_column(heading, justify="right")
    for sample in figures.samples:
        sizes = (f"{sample.mib[name]:.1f}" if name in sample.mib else "gone" for name in names)
        table.add_row(f"{sample.syncs:,}", f"{sample.ticks:,}", *sizes)
    console = Console(width=110)
    console.print(table)
    grown = ", ".join(f"{name} {growth:+.1%}" for name, growth in figures.growth.items())
    outcomes = ", ".join(f"{count:,} {status}" for status, count in sorted(figures.by_status.items()))
    console.print(f"Growth from the second line to the last: {grown}. Of the syncs: {outcomes}.")


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


def show_summary(lines: list[summary.Line]) -> None:
    """Print every figure beside what it is held against."""
    if not lines:
        return
    table = Table(title="All figures, each beside its peer or floor of the same run")
    for heading in ("figure", "ours", "beside it", "ratio", "goal"):
        table.add_column(heading)
    for line in lines:
        table.add_row(*line)
    Console(width=130).print(table)
