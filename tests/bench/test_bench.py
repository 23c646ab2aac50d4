"""The benchmark runs and reports in the shape that docs/performance.md is made from; times are never asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.e2e
@pytest.mark.timeout(400)  # it starts servers of its own
def test_a_quick_run_measures_every_contestant(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    command = [sys.executable, "-m", "bench", "--quick", "--json", str(figures)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "DatabaseScheduler" in done.stdout
    measured = json.loads(figures.read_text())
    assert [(row["fabrics"], row["due"]) for row in measured["rows"]] == [(100, 1), (100, 100)]
    for row in measured["rows"]:
        assert all(row[name] > 0 for name in ("ours_ms", "naive_ms", "floor_ms", "database_scheduler_ms"))
    assert measured["memory"].keys() >= {"peak_ours", "peak_ours_all_due", "peak_naive", "growth"}
    kinds = ["first", "unchanged", "one file changed", "one VPC changed", "all changed"]
    assert [row["sync"] for row in measured["syncs"]] == kinds
    for row in measured["syncs"]:
        assert all(row[name] > 0 for name in ("ours_ms", "netbox_ms", "floor_ms"))
    assert measured["parsing"]["documents"] > 0
    assert "sync_peak_mib" in measured
    looks = ["first time", "unchanged", "one file changed"]
    assert [(row["look"], row["fabrics"]) for row in measured["looks"]] == [
        (look, fabrics) for fabrics in (1, 4) for look in looks
    ]
    assert [(row["files_read"], row["requests"]) for row in measured["looks"]] == 2 * [(20, 4), (0, 1), (1, 4)]
    assert all(row["ours_ms"] > 0 for row in measured["looks"])
    assert all(row["dulwich_ms"] > 0 and row["git_ms"] > 0 for row in measured["looks"][:3])
    assert [(row["processes"], row["syncs"]) for row in measured["workers"]] == [(1, 20), (2, 20)]
    assert all(row["syncs_per_second"] > 0 for row in measured["workers"])


@pytest.mark.e2e
@pytest.mark.timeout(400)  # a tick is a minute away
def test_a_quick_fleet_is_synced_on_time_by_the_real_processes(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    command = [sys.executable, "-m", "bench", "fleet", "--quick", "--json", str(figures)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(figures.read_text())["fleet"]
    assert (run["fabrics"], run["repositories"], run["failed"]) == (40, 4, 0)
    assert {"worker processes", "PostgreSQL", "Valkey", "beat", "Git server"} < set(run["cores"])
    assert "ms/sync" in done.stdout


@pytest.mark.e2e
@pytest.mark.timeout(400)  # it starts servers of its own
def test_every_page_is_asked_for_at_both_sizes(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    command = [sys.executable, "-m", "bench", "pages", "--quick", "--json", str(figures)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = {row.pop("page"): row for row in json.loads(figures.read_text())["pages"]}
    assert {"dashboard", "fabrics: due now", "of all: delete (refused)", "health of the fleet"} < set(pages)
    for row in pages.values():
        assert all(row[name] > 0 for name in ("few_ms", "many_ms", "few_queries", "many_queries"))


@pytest.mark.e2e
@pytest.mark.timeout(400)  # ticks are a second apart
def test_a_quick_look_at_memory_sees_every_process_over_syncs_and_ticks(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    command = [sys.executable, "-m", "bench", "endurance", "--quick", "--json", str(figures)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    measured = json.loads(figures.read_text())["endurance"]
    first, last = measured["samples"][0], measured["samples"][-1]
    assert last["syncs"] >= 40
    assert last["ticks"] >= 4
    assert set(first["mib"]) == set(last["mib"]) == {"beat", "worker", "pool process 1"}
    assert measured["by_status"].keys() >= {"unchanged", "failed"}
    assert "Growth" in done.stdout
