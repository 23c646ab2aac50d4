"""How a cost grows, as a picture: an SVG, readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import Final

WIDTH: Final = 680
HEIGHT: Final = 380
# Room for what stands beside the axes; the names of the lines stand right of their ends.
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 150, 34, 46
_COLOURS: Final = ("#3b7dd8", "#c2571a", "#3d8c40", "#8a56b0", "#5f6b76")
_NAMES_APART: Final = 15
_MOST_STEPS: Final = 6

_STYLE: Final = (
    "text{font:12px system-ui,sans-serif;fill:#333}.title{font-size:14px;font-weight:600}"
    ".grid{stroke:#8884;stroke-width:1}.line{fill:none;stroke-width:2}"
    "@media(prefers-color-scheme:dark){text{fill:#ccc}}"
)

type Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class _Axis:
    """Numbers laid over pixels; the outermost lines of its grid are its ends."""

    grid: Sequence[float]
    start: float
    end: float
    scale: Callable[[float], float]

    @classmethod
    def logarithmic(cls, values: Sequence[float], start: float, end: float) -> _Axis:
        """Of whole decades."""
        first, last = floor(log10(min(values))), ceil(log10(max(values)))
        decades = range(first, max(last, first + 1) + 1)
        return cls([10.0**exponent for exponent in decades], start, end, log10)

    @classmethod
    def linear(cls, values: Sequence[float], start: float, end: float) -> _Axis:
        """From zero, in at most six steps of 1, 2 or 5 and noughts."""
        highest = max(values)
        decade = 10.0 ** floor(log10(highest))
        step = next(size for size in (decade / 5, decade / 2, decade, 2 * decade) if highest / size <= _MOST_STEPS)
        return cls([number * step for number in range(ceil(highest / step) + 1)], start, end, float)

    def at(self, value: float) -> float:
        """The pixel of a value."""
        first, last = self.scale(self.grid[0]), self.scale(self.grid[-1])
        return self.start + (self.scale(value) - first) / (last - first) * (self.end - self.start)


def growth(title: str, x_name: str, y_name: str, lines: Mapping[str, Points], *, decades: bool = True) -> str:
    """The picture of some lines, over decades or from zero; every value is above zero."""
    points = [point for line in lines.values() for point in line]
    axis = _Axis.logarithmic if decades else _Axis.linear
    x = axis([point[0] for point in points], _LEFT, WIDTH - _RIGHT)
    y = axis([point[1] for point in points], HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<text class="title" x="{_LEFT}" y="18">{escape(title)}</text>',
        *_grid(x, y),
        f'<text x="{(_LEFT + WIDTH - _RIGHT) / 2:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_name)}</text>',
        f'<text x="{_LEFT - 8}" y="{_TOP - 8}" text-anchor="end">{escape(y_name)}</text>',
        *_lines(x, y, lines),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _grid(x: _Axis, y: _Axis) -> Iterator[str]:
    for value in x.grid:
        at = x.at(value)
        yield f'<line class="grid" x1="{at:.1f}" y1="{_TOP}" x2="{at:.1f}" y2="{HEIGHT - _BOTTOM}"/>'
        yield f'<text x="{at:.1f}" y="{HEIGHT - _BOTTOM + 18}" text-anchor="middle">{value:,g}</text>'
    for value in y.grid:
        at = y.at(value)
        yield f'<line class="grid" x1="{_LEFT}" y1="{at:.1f}" x2="{WIDTH - _RIGHT}" y2="{at:.1f}"/>'
        yield f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{value:,g}</text>'


def _lines(x: _Axis, y: _Axis, lines: Mapping[str, Points]) -> Iterator[str]:
    lowest = float(HEIGHT)
    # From the bottom up, so that a name which would cover another moves above it.
    for name, line in sorted(lines.items(), key=lambda each: each[1][-1][1]):
        colour = _COLOURS[list(lines).index(name) % len(_COLOURS)]
        places = [(x.at(first), y.at(second)) for first, second in line]
        path = " ".join(f"{across:.1f},{down:.1f}" for across, down in places)
        yield f'<polyline class="line" stroke="{colour}" points="{path}"/>'
        yield from (f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3" fill="{colour}"/>' for across, down in places)
        lowest = min(places[-1][1] + 4, lowest - _NAMES_APART)
        yield f'<text x="{places[-1][0] + 8:.1f}" y="{lowest:.1f}" style="fill:{colour}">{escape(name)}</text>'
