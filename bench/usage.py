"""What processes take of the machine, as the kernel tells: processor time and memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_PROC: Final = Path("/proc")


class Processor(NamedTuple):
    """Processor time of the whole machine since it started, in seconds."""

    total: float
    idle: float


def processor() -> Processor:
    """Of all cores together; ``idle`` includes waiting for disks."""
    fields = [int(field) for field in (_PROC / "stat").read_text().splitlines()[0].split()[1:9]]
    return Processor(sum(fields) / _TICKS_PER_SECOND, (fields[3] + fields[4]) / _TICKS_PER_SECOND)


def seconds_of(pid: int) -> float:
    """Processor time of one process alone, 0 if it has gone."""
    return _own_seconds(_stat(pid))


def seconds_of_tree(pid: int) -> float:
    """Processor time of a process, of its descendants, and of those of them that have ended."""
    return sum(_own_seconds(stat) + _reaped_seconds(stat) for stat in map(_stat, [pid, *descendants(pid)]))


def descendants(pid: int) -> list[int]:
    """Every process that ``pid`` or one of its descendants started and that still runs."""
    try:
        children = [int(child) for child in (_PROC / f"{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return children + [below for child in children for below in descendants(child)]


def pss_mib(pid: int) -> float:
    """Resident memory, of which shared pages count in equal parts for those who share them."""
    lines = (_PROC / f"{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def rss_mib(pid: int) -> float:
    """Resident memory, shared pages included."""
    lines = (_PROC / f"{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def _stat(pid: int) -> list[str]:
    """The fields after the command's name, which may hold spaces: state, parent, …; see proc_pid_stat(5)."""
    try:
        return (_PROC / f"{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return []


def _own_seconds(stat: list[str]) -> float:
    return sum(map(int, stat[11:13])) / _TICKS_PER_SECOND


def _reaped_seconds(stat: list[str]) -> float:
    return sum(map(int, stat[13:15])) / _TICKS_PER_SECOND
