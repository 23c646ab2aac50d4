"""What docs/performance.md keeps of the figures, from figures that nobody measured."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bench import plot, summary

DAY = date(2026, 1, 2)
FIGURES: dict[str, Any] = {
    "rows": [
        {"fabrics": fabrics, "due": due, "ours_ms": ours, "naive_ms": naive, "floor_ms": floor}
        for fabrics, due, ours, naive, floor in [(1_000, 10, 40.0, 60.0, 5.0), (100_000, 1_000, 200.0, 6_000.0, 80.0)]
    ],
    "memory": {"peak_ours": 4.0, "peak_naive": 200.0},
    "syncs": [{"sync": "first", "files": 2_000, "ours_ms": 500.0, "netbox_ms": 2_600.0, "floor_ms": 400.0}],
    "sync_growth_by_files": [
        {"files": files, "ours_ms": files / 4, "netbox_ms": files * 1.5, "floor_ms": files / 5} for files in (20, 2_000)
    ],
    "sync_growth_by_resources": [
        {"files": 20, "documents": documents, "ours_ms": documents / 20, "netbox_ms": 30.0, "floor_ms": documents / 25}
        for documents in (60, 6_000)
    ],
    "sync_peak_mib": 21.0,
    "looks": [{"look": "unchanged", "files": 2_000, "ours_ms": 4.0, "dulwich_ms": 400.0}],
    "workers": [
        {"processes": 1, "syncs": 1_500, "syncs_per_second": 60.0, "idle": 0.4},
        {"processes": 4, "syncs": 1_500, "syncs_per_second": 150.0, "idle": 0.1},
    ],
    "fleet": [{"fabrics": 1_000, "concurrency": 3, "minutes": 30.0, "syncs": 6_000, "on_time": 0.9987}],
    "endurance": {
        "samples": [
            {"syncs": syncs, "ticks": syncs // 10, "mib": {"beat": 130.0, "worker": 100.0 + syncs / 1_000}}
            for syncs in (0, 1_000, 10_000)
        ]
    },
}


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    page = tmp_path / "performance.md"
    page.write_text("before\n<!-- measured -->\nold\n<!-- end of measured -->\nafter\n")
    return page


def test_each_figure_stands_beside_what_it_is_held_against():
    found = {(line.figure, line.beside): (line.ours, line.ratio, line.goal) for line in summary.lines(FIGURES)}
    tick = "tick, 100,000 fabrics, 1,000 due"
    assert found[tick, "naive loop 6,000 ms"] == ("200 ms", "30.0 times as fast", "≥ 20")
    assert found[tick, "floor 80.0 ms"] == ("200 ms", "2.5 times the floor", "≤ 3")
    assert found["sync of 2,000 files, first", "NetBox's way 2,600 ms"] == ("500 ms", "5.2 times as fast", "≥ 5")
    assert found["Git, 2,000 files, unchanged", "dulwich 400 ms"] == ("4.0 ms", "100.0 times as fast", "≥ 50")
    assert found["unchanged syncs by 4 of a worker's processes", "by one 60"] == ("150 a second", "2.5 times", "")
    fleet = "fleet, 1,000 fabrics at 300 s, 3 worker processes, 30 min"
    assert found[fleet, "3 syncs a second"] == ("99.87% on time", "", "99 % of 100,000")
    worker = "memory of worker after 10,000 syncs, 1,000 ticks"
    assert found[worker, "after 1,000 syncs 101.0 MiB"] == ("110.0 MiB", "+8.9%", "< 5 %")


def test_of_what_was_not_measured_nothing_is_said():
    assert summary.lines({"sync_peak_mib": 21.0}) == [
        summary.Line("first sync, peak above idle", "21.0 MiB", "", "", "≤ 150 MiB")
    ]
    assert summary.pictures({}) == {}


def test_of_two_runs_the_later_figures_stand_and_every_fleet():
    earlier = {"sync_peak_mib": 30.0, "workers": [1], "fleet": ["small"]}
    joined = summary.joined({"sync_peak_mib": 21.0, "fleet": ["large"]}, earlier)
    assert joined == {"sync_peak_mib": 21.0, "workers": [1], "fleet": ["small", "large"]}


def test_growth_is_drawn_by_each_of_what_a_cost_may_depend_on():
    assert list(summary.pictures(FIGURES)) == [
        f"growth-by-{what}.svg" for what in ("fabrics", "files", "resources", "processes", "syncs")
    ]


def test_the_page_is_renewed_between_its_markers_and_a_second_time_alike(page):
    summary.write(FIGURES, DAY, page)
    once = page.read_text()
    assert once.startswith("before\n<!-- measured -->\n2026-01-02, ")
    assert once.endswith("<!-- end of measured -->\nafter\n")
    assert "old" not in once
    for name in summary.pictures(FIGURES):
        assert f"(images/{name})" in once
        assert (page.parent / "images" / name).exists()
    summary.write(FIGURES, DAY, page)
    assert page.read_text() == once


def test_a_page_without_a_place_is_told(page):
    page.write_text("nothing")
    with pytest.raises(ValueError, match="<!-- measured -->"):
        summary.write(FIGURES, DAY, page)


def test_the_pictures_are_well_formed_and_within_their_frame():
    for picture in summary.pictures(FIGURES).values():
        root = ET.fromstring(picture)
        for circle in root.iter("{http://www.w3.org/2000/svg}circle"):
            assert 0 < float(circle.attrib["cx"]) < plot.WIDTH
            assert 0 < float(circle.attrib["cy"]) < plot.HEIGHT


def test_a_line_that_grows_rises_and_names_do_not_cover_each_other():
    root = ET.fromstring(plot.growth("t", "x", "y", {"a": [(1, 1), (100, 10)], "b": [(1, 1), (100, 10.1)]}))
    heights = [float(circle.attrib["cy"]) for circle in root.iter("{http://www.w3.org/2000/svg}circle")]
    assert heights[1] < heights[0]
    names = [each for each in root.iter("{http://www.w3.org/2000/svg}text") if each.text in {"a", "b"}]
    assert abs(float(names[0].attrib["y"]) - float(names[1].attrib["y"])) >= 12


def test_what_grows_within_a_decade_is_drawn_from_zero_by_round_steps():
    picture = plot.growth("t", "x", "y", {"a": [(1, 31.0), (4, 117.5)]}, decades=False)
    labels = [each.text for each in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]
    assert labels[1:14] == ["0", "1", "2", "3", "4", "0", "20", "40", "60", "80", "100", "120", "x"]
