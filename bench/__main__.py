"""`make bench` (options: ARGS="tick|sync|git|workers|pages|endurance|fleet|report --quick --json FILE --write")."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench import environment, report, summary

type Figures = dict[str, Any]


def main() -> None:
    """Measure, print the tables, and keep the figures if asked to."""
    options = _options()
    # What was started ends with it, as it does when somebody presses Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    figures = _measured(options)
    for other in options.join:
        figures = summary.joined(figures, json.loads(other.read_text()))
    report.show_summary(summary.lines(figures))
    if options.write:
        summary.write(figures, datetime.now(UTC).date())
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure against peers and floors.")
    parser.add_argument("what", nargs="?", choices=[*_MEASURED, _NOTHING], help=f"one only; {_NOTHING}: join others")
    parser.add_argument("--quick", action="store_true", help="one run of a small size: does it work at all?")
    parser.add_argument("--full", action="store_true", help="DatabaseScheduler at every size too (takes an hour)")
    parser.add_argument("--fabrics", type=int, help="fleet: this number only, instead of a search for the largest")
    parser.add_argument("--repositories", type=int, default=1_000, help="fleet: how many they share")
    parser.add_argument("--minutes", type=float, default=30, help="fleet: how long the last run is measured")
    parser.add_argument("--concurrency", type=int, default=2, help="fleet: worker processes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    parser.add_argument("--join", type=Path, nargs="+", default=[], metavar="FILE", help="add figures of other runs")
    parser.add_argument("--write", action="store_true", help="write table and pictures into docs/performance.md")
    return parser.parse_args()


def _measured(options: argparse.Namespace) -> Figures:
    if options.what == _NOTHING:
        return {}
    environment.start()
    figures: Figures = {}
    for what in [options.what] if options.what else _UNASKED:
        figures |= _MEASURED[what](options)
    return figures


def _tick(options: argparse.Namespace) -> Figures:
    from bench import tick  # noqa: PLC0415 - needs Django

    plan = tick.QUICK if options.quick else tick.Plan(full=options.full)
    rows = tick.timings(plan)
    memory = tick.memories(plan)
    report.show_tick(rows, memory)
    return {"rows": [asdict(row) for row in rows], "memory": asdict(memory)}


def _sync(options: argparse.Namespace) -> Figures:
    from bench import sync  # noqa: PLC0415 - needs Django

    plan = sync.QUICK if options.quick else sync.Plan()
    rows = sync.timings(plan)
    parsing = sync.parsing(plan)
    peak_mib = sync.memory(plan)
    by_files, by_resources = sync.growth_by_files(plan), sync.growth_by_resources(plan)
    report.show_sync(rows, parsing, peak_mib)
    return {
        "syncs": [asdict(row) for row in rows],
        "parsing": asdict(parsing),
        "sync_peak_mib": peak_mib,
        "sync_growth_by_files": [asdict(row) for row in by_files],
        "sync_growth_by_resources": [asdict(row) for row in by_resources],
    }


def _git(options: argparse.Namespace) -> Figures:
    from bench import git  # noqa: PLC0415 - opens its connections by the engine, which is not needed before

    rows = git.timings(git.QUICK if options.quick else git.Plan())
    report.show_git(rows)
    return {"looks": [asdict(row) for row in rows]}


def _workers(options: argparse.Namespace) -> Figures:
    from bench import workers  # noqa: PLC0415 - needs Django

    rows = workers.timings(workers.QUICK if options.quick else workers.Plan())
    report.show_workers(rows)
    return {"workers": [asdict(row) for row in rows]}


def _pages(options: argparse.Namespace) -> Figures:
    from bench import pages  # noqa: PLC0415 - needs Django

    plan = pages.QUICK if options.quick else pages.Plan()
    rows = pages.timings(plan)
    report.show_pages(plan, rows)
    return {"pages": [asdict(row) for row in rows]}


def _endurance(options: argparse.Namespace) -> Figures:
    from bench import endurance  # noqa: PLC0415 - needs Django

    figures = endurance.measure(endurance.QUICK if options.quick else endurance.Plan())
    report.show_endurance(figures)
    return {"endurance": asdict(figures)}


def _fleet(options: argparse.Namespace) -> Figures:
    from bench import fleet  # noqa: PLC0415 - needs Django

    asked = {name: getattr(options, name) for name in ("fabrics", "repositories", "minutes", "concurrency")}
    runs = fleet.largest(fleet.QUICK if options.quick else fleet.Plan(**asked))
    report.show_fleet(runs)
    return {"fleet": [asdict(run) for run in runs]}


_MEASURED: Final[dict[str, Callable[[argparse.Namespace], Figures]]] = {
    "tick": _tick,
    "sync": _sync,
    "git": _git,
    "workers": _workers,
    "pages": _pages,
    "endurance": _endurance,
    "fleet": _fleet,
}
_UNASKED: Final = ("tick", "sync", "git", "workers")
"""The others take from a few minutes to hours."""

_NOTHING: Final = "report"


if __name__ == "__main__":
    main()
