"""`make bench` (options: ARGS="tick|sync|git|pages|endurance|fleet --quick --full --json FILE")."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import environment, report


def main() -> None:
    """Measure, print the tables, and keep the figures if asked to."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measure against peers and floors.")
    parser.add_argument(
        "what", nargs="?", choices=("tick", "sync", "git", "pages", "endurance", "fleet"), help="one of them only"
    )
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
    # The others only by name: they take from a few minutes to hours.
    if options.what == "pages":
        figures |= _pages(quick=options.quick)
    if options.what == "endurance":
        figures |= _endurance(quick=options.quick)
    if options.what == "fleet":
        figures |= _fleet(options)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def _tick(*, quick: bool, full: bool) -> dict[str, Any]:
    from bench import tick  # noqa: PLC0415 - needs Django

    plan = tick.QUICK if quick else tick.Plan(full=full)
    rows = tick.timings(plan)
    memory = tick.memories(plan)
    report.show_tick(rows, memory)
    return {"rows": [asdict(row) for row in rows], "memory": asdict(memory)}


def _sync(*, quick: bool) -> dict[str, Any]:
    from bench import sync  # noqa: PLC0415 - needs Django

    plan = sync.QUICK if quick else sync.Plan()
    rows = sync.timings(plan)
    parsing = sync.parsing(plan)
    peak_mib = sync.memory(plan)
    report.show_sync(rows, parsing, peak_mib)
    return {"syncs": [asdict(row) for row in rows], "parsing": asdict(parsing), "sync_peak_mib": peak_mib}


def _git(*, quick: bool) -> dict[str, Any]:
    from bench import git  # noqa: PLC0415 - opens its connections by the engine, which is not needed before

    rows = git.timings(git.QUICK if quick else git.Plan())
    report.show_git(rows)
    return {"looks": [asdict(row) for row in rows]}


def _pages(*, quick: bool) -> dict[str, Any]:
    from bench import pages  # noqa: PLC0415 - needs Django

    plan = pages.QUICK if quick else pages.Plan()
    rows = pages.timings(plan)
    report.show_pages(plan, rows)
    return {"pages": [asdict(row) for row in rows]}


def _endurance(*, quick: bool) -> dict[str, Any]:
    from bench import endurance  # noqa: PLC0415 - needs Django

    figures = endurance.measure(endurance.QUICK if quick else endurance.Plan())
    report.show_endurance(figures)
    return {"endurance": asdict(figures)}


def _fleet(options: argparse.Namespace) -> dict[str, Any]:
    from bench import fleet  # noqa: PLC0415 - needs Django

    asked = {name: getattr(options, name) for name in ("fabrics", "repositories", "minutes", "concurrency")}
    runs = fleet.largest(fleet.QUICK if options.quick else fleet.Plan(**asked))
    report.show_fleet(runs)
    return {"fleet": [asdict(run) for run in runs]}


if __name__ == "__main__":
    main()
