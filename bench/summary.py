"""All figures of a run in one table, each beside its peer or its floor, and what docs/performance.md keeps of it."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.plot import Points, growth

PAGE: Final = Path(__file__).parent.parent / "docs/performance.md"
_MEASURED: Final = re.compile(r"(<!-- measured -->\n).*?(<!-- end of measured -->\n)", re.DOTALL)
_PEERS: Final = {"naive": "naive loop", "netbox": "NetBox's way"}

type Figures = dict[str, Any]


class Line(NamedTuple):
    """One figure; ``ratio`` is of it and what it is held against, the way that ``goal`` speaks of it."""

    figure: str
    ours: str
    beside: str
    ratio: str
    goal: str


def joined(figures: Figures, earlier: Figures) -> Figures:
    """The figures of two runs; of what both measured the first stand, but every run of a fleet is kept."""
    return earlier | figures | {"fleet": [*earlier.get("fleet", []), *figures.get("fleet", [])]}


def lines(figures: Figures) -> list[Line]:
    """What there is of the figures that ``make bench --json`` writes."""
    return [
        *_ticks(figures),
        *_syncs(figures),
        *_looks(figures),
        *_workers(figures),
        *_fleets(figures),
        *_endurance(figures),
    ]


def _ticks(figures: Figures) -> Iterator[Line]:
    goals = {(100_000, 1_000): ("≥ 20", "≤ 3"), (10_000, 10_000): ("≥ 5", "")}
    for row in figures.get("rows", []):
        faster, floor = goals.get((row["fabrics"], row["due"]), ("", ""))
        name, ours = f"tick, {row['fabrics']:,} fabrics, {row['due']:,} due", _ms(row["ours_ms"])
        yield Line(name, ours, f"naive loop {_ms(row['naive_ms'])}", _faster(row["naive_ms"], row["ours_ms"]), faster)
        yield Line(name, ours, f"floor {_ms(row['floor_ms'])}", _slower(row["ours_ms"], row["floor_ms"]), floor)
    if memory := figures.get("memory"):
        yield Line("tick, peak above idle", _mib(memory["peak_ours"]), f"naive loop {_mib(memory['peak_naive'])}",
                   "", "≤ 20 MiB")  # fmt: skip


def _syncs(figures: Figures) -> Iterator[Line]:
    goals = {"first": ("≥ 5", "≤ 2.5"), "unchanged": ("", "≤ 3"), "one file changed": ("", "≤ 2.5")}
    for row in figures.get("syncs", []):
        faster, floor = goals.get(row["sync"], ("", ""))
        name, ours = f"sync of {row['files']:,} files, {row['sync']}", _ms(row["ours_ms"])
        beside = f"NetBox's way {_ms(row['netbox_ms'])}"
        yield Line(name, ours, beside, _faster(row["netbox_ms"], row["ours_ms"]), faster)
        yield Line(name, ours, f"floor {_ms(row['floor_ms'])}", _slower(row["ours_ms"], row["floor_ms"]), floor)
    if "sync_peak_mib" in figures:
        yield Line("first sync, peak above idle", _mib(figures["sync_peak_mib"]), "", "", "≤ 150 MiB")


def _looks(figures: Figures) -> Iterator[Line]:
    goals = {"first time": "≥ 4", "unchanged": "≥ 50", "one file changed": "≥ 15"}
    for row in figures.get("looks", []):
        if row["dulwich_ms"]:
            goal = goals[row["look"]] if row["files"] >= 2_000 else ""
            name = f"Git, {row['files']:,} files, {row['look']}"
            beside = f"dulwich {_ms(row['dulwich_ms'])}"
            yield Line(name, _ms(row["ours_ms"]), beside, _faster(row["dulwich_ms"], row["ours_ms"]), goal)


def _workers(figures: Figures) -> Iterator[Line]:
    rows = figures.get("workers", [])
    for row in rows:
        one, rate = rows[0]["syncs_per_second"], row["syncs_per_second"]
        name = f"unchanged syncs by {row['processes']} of a worker's processes"
        yield Line(name, f"{rate:.0f} a second", f"by one {one:.0f}", f"{rate / one:.1f} times", "")


def _fleets(figures: Figures) -> Iterator[Line]:
    for run in figures.get("fleet", []):
        rate = run["syncs"] / run["minutes"] / 60
        by = f"{run['concurrency']} worker processes, {run['minutes']:.0f} min"
        name = f"fleet, {run['fabrics']:,} fabrics at 300 s, {by}"
        yield Line(name, f"{run['on_time']:.2%} on time", f"{rate:.0f} syncs a second", "", "99 % of 100,000")


def _endurance(figures: Figures) -> Iterator[Line]:
    if not (endurance := figures.get("endurance")):
        return
    steady, last = endurance["samples"][1], endurance["samples"][-1]
    for process, mib in last["mib"].items():
        name = f"memory of {process} after {last['syncs']:,} syncs, {last['ticks']:,} ticks"
        before = steady["mib"][process]
        beside = f"after {steady['syncs']:,} syncs {_mib(before)}"
        yield Line(name, _mib(mib), beside, f"{mib / before - 1:+.1%}", "< 5 %")


def pictures(figures: Figures) -> dict[str, str]:
    """SVGs by the names of their files, of whatever was measured at several sizes."""
    drawn = {}
    if rows := [row for row in figures.get("rows", []) if row["due"] < row["fabrics"]]:
        drawn["growth-by-fabrics.svg"] = growth(
            "A tick, 1 % due", "fabrics", "ms", _contestants(rows, "fabrics", "naive")
        )
    title = "The first sync of a fabric"
    if sizes := figures.get("sync_growth_by_files"):
        syncs = _contestants(sizes, "files", "netbox")
        drawn["growth-by-files.svg"] = growth(title, "files, of three resources each", "ms", syncs)
    if sizes := figures.get("sync_growth_by_resources"):
        syncs = _contestants(sizes, "documents", "netbox")
        drawn["growth-by-resources.svg"] = growth(title, f"resources, in {sizes[0]['files']} files", "ms", syncs)
    if workers := figures.get("workers"):
        done = {"ours": [(row["processes"], row["syncs_per_second"]) for row in workers]}
        drawn["growth-by-processes.svg"] = growth(
            "Unchanged syncs, each of its repository", "processes", "a second", done, decades=False
        )
    if endurance := figures.get("endurance"):
        samples = endurance["samples"][1:]
        memory = {name: [(each["syncs"], each["mib"][name]) for each in samples] for name in samples[0]["mib"]}
        drawn["growth-by-syncs.svg"] = growth("Resident memory", "syncs", "MiB", memory, decades=False)
    return drawn


def _contestants(rows: list[Figures], by: str, peer: str) -> dict[str, Points]:
    """A line for each of those that were measured, over the column ``by``."""
    columns = {_PEERS[peer]: f"{peer}_ms", "ours": "ours_ms", "floor": "floor_ms"}
    return {name: [(row[by], row[column]) for row in rows] for name, column in columns.items()}


def as_markdown(figures: Figures, day: date) -> str:
    """The table and its pictures, with the machine and the day."""
    kib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024
    head = f"{day.isoformat()}, {os.cpu_count()} cores, {kib / 1024**2:.0f} GiB, Python {platform.python_version()}."
    table = ["| figure | ours | beside it | ratio | goal |", "|---|--:|--:|--:|--:|"]
    table += [f"| {' | '.join(line)} |" for line in lines(figures)]
    images = [f"![{name.removesuffix('.svg').replace('-', ' ')}](images/{name})" for name in pictures(figures)]
    return "\n".join([head, "", *table, "", *images]) + "\n"


def write(figures: Figures, day: date, page: Path = PAGE) -> None:
    """Put the table and the pictures into the page in place of those of the last time.

    Raises:
        ValueError: the page has no place for them.
    """
    text, places = _MEASURED.subn(lambda found: found[1] + as_markdown(figures, day) + found[2], page.read_text())
    if places != 1:
        raise ValueError(f"{page} has no <!-- measured --> and <!-- end of measured -->")
    page.write_text(text)
    for name, picture in pictures(figures).items():
        (page.parent / "images" / name).write_text(picture)


def _ms(number: float) -> str:
    return f"{number:,.0f} ms" if number >= 100 else f"{number:,.1f} ms"


def _mib(number: float) -> str:
    return f"{number:,.1f} MiB"


def _faster(peer: float, ours: float) -> str:
    return f"{peer / ours:.1f} times as fast"


def _slower(ours: float, floor: float) -> str:
    return f"{ours / floor:.1f} times the floor"
