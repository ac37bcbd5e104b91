"""Curves over training steps as inline SVG, for pages that load nothing else.

Colours, lines and text sizes come from the page's style sheet: `line0` to `line6`, `axis`, `mark`.
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 400, 220  # of a chart, in its own units
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 24, 28  # around the lines
COLOURS = 7  # that the style sheet knows
MOST_POINTS = 300  # of a line; neighbours of longer ones are averaged
FEW_TENS = 50.0  # largest over smallest value, above which an axis is logarithmic


Number = int | float
Point = tuple[Number, Number | None]  # a step and the value there; None where it was not finite


class Line(NamedTuple):
    """A curve: values over steps since training began."""

    name: str
    points: Sequence[Point]


class Scale(NamedTuple):
    """How values become places on an axis."""

    low: Number
    high: Number
    first: Number  # where `low` lies
    last: Number  # where `high` lies
    logarithmic: bool = False

    def place(self, value: Number) -> float:
        """Where a value lies."""
        low, high, at = (
            map(math.log, (self.low, self.high, value))
            if self.logarithmic
            else (self.low, self.high, value)
        )
        return self.first + (self.last - self.first) * (at - low) / (high - low)


def chart(
    lines: Sequence[Line],
    *,
    title: str,
    starts: Mapping[str, Number],
    limits: tuple[Number, Number] | None = None,
) -> str:
    """Draws lines in one chart, with a legend if there are several.

    Args:
      lines: each with at least one finite value.
      title: what a screen reader says the chart shows, beside each line's first and last value.
      starts: the step at which each phase began, by its name.
      limits: of the values; None takes those that occur.
    """
    steps = [step for line in lines for step, _ in line.points]
    values = [value for line in lines for _, value in line.points if value is not None]
    across = Scale(*_apart(min(steps), max(steps)), LEFT, WIDTH - RIGHT)
    up = _upwards(values, limits)
    paths = [
        f'<path class="line{number % COLOURS}" d="{_path(_thinned(line.points), across, up)}"/>'
        for number, line in enumerate(lines)
    ]
    said = f"{title}: " + "; ".join(map(_said, lines))
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said)}">',
        *_axes(across, up),
        *_marks(starts, across),
        *paths,
        "</svg>",
        _legend(lines) if len(lines) > 1 else "",
    ]
    return "".join(parts)


def _upwards(values: Sequence[Number], limits: tuple[Number, Number] | None) -> Scale:
    """The axis of the values: logarithmic where they are positive and span tens."""
    low, high = limits or _apart(min(values), max(values))
    logarithmic = low > 0 and high / low > FEW_TENS
    return Scale(low, high, HEIGHT - BOTTOM, TOP, logarithmic)


def _apart(low: Number, high: Number) -> tuple[Number, Number]:
    """Two ends of an axis that are not the same."""
    if low < high and math.isfinite(1.0 / (high - low)):
        return low, high
    by = max(abs(low) * 0.1, 0.5)
    return low - by, high + by


def _thinned(points: Sequence[Point]) -> list[Point]:
    """Averages neighbours until a line has few enough points; one that is not finite breaks it."""
    by = -(-len(points) // MOST_POINTS)
    return [_averaged(points[at : at + by]) for at in range(0, len(points), by)]


def _averaged(points: Sequence[Point]) -> Point:
    """The mean step and the mean value; None if one of them is not finite."""
    step = sum(step for step, _ in points) / len(points)
    values = [value for _, value in points if value is not None]
    return step, sum(values) / len(values) if len(values) == len(points) else None


def _path(points: Sequence[Point], across: Scale, up: Scale) -> str:
    """The path of a line, broken where there is no value; a lone point becomes a dot."""
    runs = itertools.groupby(points, key=lambda point: point[1] is None)
    places = [
        [
            f"{across.place(step):.1f},{up.place(value):.1f}"
            for step, value in run
            if value is not None
        ]
        for missing, run in runs
        if not missing
    ]
    return "".join(f"M{'L'.join(run) if len(run) > 1 else f'{run[0]}h0.1'}" for run in places)


def _axes(across: Scale, up: Scale) -> Iterable[str]:
    """Yields both axes' ticks with their labels, and a grid of the values."""
    for value in _ticks(up):
        y = up.place(value)
        yield f'<path class="axis" d="M{LEFT},{y:.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.4g}</text>'
    for value in _ticks(across):
        x = across.place(value)
        yield f'<text x="{x:.1f}" y="{HEIGHT - 9}" text-anchor="middle">{value:.6g}</text>'


def _ticks(scale: Scale) -> list[Number]:
    """Round values on an axis, three to six; powers of ten on a logarithmic one."""
    if scale.logarithmic:
        low, high = math.ceil(math.log10(scale.low)), math.floor(math.log10(scale.high))
        every = max(1, (high - low) // 4)
        return [10.0**power for power in range(low, high + 1, every)]
    rough = (scale.high - scale.low) / 6
    unit = 10.0 ** math.floor(math.log10(rough))
    by = next(unit * size for size in (1, 2, 5, 10) if unit * size >= rough)
    first, last = math.ceil(scale.low / by), math.floor(scale.high / by)
    return [number * by for number in range(first, last + 1)]


def _marks(starts: Mapping[str, Number], across: Scale) -> Iterable[str]:
    """Yields where phases begin, with their names; those that begin later are not shown."""
    for name, start in starts.items():
        if start > across.high:
            continue
        x = across.place(max(start, across.low))
        yield f'<path class="mark" d="M{x:.1f},{TOP}V{HEIGHT - BOTTOM}"/>'
        yield f'<text x="{x + 3:.1f}" y="{TOP - 7}">{escape(name)}</text>'


def _said(line: Line) -> str:
    """The ends of a line in words."""
    values = [value for _, value in line.points if value is not None]
    return f"{line.name} from {values[0]:.3g} to {values[-1]:.3g}"


def _legend(lines: Sequence[Line]) -> str:
    """The lines' names beside their colours."""
    items = (
        f'<li><svg viewBox="0 0 16 8" aria-hidden="true"><path class="line{number % COLOURS}"'
        f' d="M0,4H16"/></svg>{escape(line.name)}</li>'
        for number, line in enumerate(lines)
    )
    return f'<ul class="legend">{"".join(items)}</ul>'
