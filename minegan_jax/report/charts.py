"""Charts as PNG files: curves over numbers of images, and shares over steps.

Importing this module imports matplotlib, which takes a while: import it where a chart is drawn.
Figures are drawn through matplotlib's objects, so that no state of a caller's is touched.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from minegan_jax.files import write_atomically

Points = Sequence[tuple[float, Sequence[float]]]  # places, and the values of all seeds there
Place = Literal["outside right upper", "outside lower center"]

DOTS_PER_INCH = 200  # twice what a page shows
HALF_PAGE, PAGE = (4.6, 3.5), (7.2, 3.2)  # width and height, in inches
# Okabe and Ito's colours, which people with any colour vision can tell apart, without the yellow.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", ":")  # of lines, once the colours are used up
GREY = "0.85"
# Marks of a decade, by the least ratio of the largest to the smallest value that they suit.
MARKS = {8.0: (1, 2, 5), 3.0: (1, 2, 3, 5, 7), 1.0: tuple(range(1, 10))}


class Phase(NamedTuple):
    """Where a phase lies on an axis of steps."""

    name: str
    start: int  # in steps since training began


def save(path: Path, figure: Figure) -> None:
    """Writes a PNG file; the same figure gives the same bytes."""
    content = io.BytesIO()
    # Matplotlib would write its version into the file.
    figure.savefig(content, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content.getvalue())


def curves(series: Mapping[str, Points], *, title: str, across: str, up: str) -> Figure:
    """Draws values over places, both on logarithmic axes: means as lines, all between as bands.

    Args:
      series: points by the name of their line; values that are not positive are left out.
      title: what stands above.
      across: what the places are.
      up: what the values are.
    """
    figure, axes = _blank(HALF_PAGE)
    shown = {name: list(_positive(points)) for name, points in series.items()}
    lines = [_curve(axes, *each) for each in zip(shown.values(), _styles(), strict=False)]
    points = [point for line in shown.values() for point in line]
    axes.set(xscale="log", yscale="log", xlabel=across, ylabel=up)
    axes.set_title(title, fontsize="medium", parse_math=False)
    _label_ticks(axes, points)
    most = max((len(values) for _, values in points), default=0)
    explained = f"line: mean of {most} seeds; band: smallest to largest" if most > 1 else ""
    _explain(figure, lines, list(shown), title=explained, columns=2)
    return figure


def _positive(points: Points) -> Iterator[tuple[float, Sequence[float]]]:
    """Yields the points that a logarithmic axis can show."""
    for place, values in points:
        if len(values) and min(values) > 0:
            yield place, values


def _curve(axes: Axes, points: Points, look: tuple[str, str]) -> Line2D:
    """Draws the mean of the seeds, and a band from the smallest to the largest."""
    colour, style = look
    places = [place for place, _ in points]
    lower, mean, upper = ([float(of(values)) for _, values in points] for of in (min, np.mean, max))
    axes.fill_between(places, lower, upper, color=colour, alpha=0.18, linewidth=0)
    (line,) = axes.plot(places, mean, color=colour, linestyle=style, marker="o", markersize=4)
    return line


def _label_ticks(axes: Axes, points: Points) -> None:
    """Writes whole numbers, not powers of ten, at every place and at round values."""
    axes.xaxis.set_major_locator(FixedLocator(sorted({place for place, _ in points})))
    values = [value for _, seeds in points for value in seeds]
    ratio = max(values) / min(values) if values else max(MARKS)
    marks = next(MARKS[least] for least in MARKS if ratio >= least)
    axes.yaxis.set_major_locator(LogLocator(subs=marks))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def shares(
    steps: Sequence[int], series: Mapping[str, Sequence[float]], phases: Sequence[Phase]
) -> Figure:
    """Draws shares in [0, 1] over steps; the legend says where each ends, the largest first.

    Args:
      steps: since training began, rising.
      series: a share for each of the steps, by name.
      phases: in order; where each begins is marked.
    """
    figure, axes = _blank(PAGE)
    lines = {
        name: axes.plot(steps, series[name], color=colour, linestyle=style)[0]
        for name, (colour, style) in zip(series, _styles(), strict=False)
    }
    axes.set(xlabel="step", ylabel="share of the images", ylim=(0.0, 1.0))
    for phase in phases:
        axes.axvline(phase.start, color="0.5", linewidth=0.8, linestyle=(0, (4, 3)))
        axes.annotate(
            phase.name,
            (phase.start, 1.0),
            (3, 3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            parse_math=False,
        )
    ranked = sorted(series, key=lambda name: -series[name][-1])
    names = [f"{name}: {series[name][-1]:.2f}" for name in ranked]
    _explain(figure, [lines[name] for name in ranked], names, title="at the end", columns=1)
    return figure


def _blank(size: tuple[float, float]) -> tuple[Figure, Axes]:
    """Returns a figure and its one pair of axes, with nothing on them yet."""
    figure = Figure(size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.grid(color=GREY, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.03)
    return figure, axes


def _styles() -> Iterator[tuple[str, str]]:
    """Yields colours and styles of lines, each pair once, then from the first on."""
    while True:
        for style in STYLES:
            for colour in PALETTE:
                yield colour, style


def _explain(
    figure: Figure, lines: Sequence[Line2D], names: Sequence[str], *, title: str, columns: int
) -> None:
    """Puts the legend below a chart, or beside it if it has one column."""
    place: Place = "outside right upper" if columns == 1 else "outside lower center"
    legend = figure.legend(
        lines, ["-"] * len(lines), loc=place, ncols=columns, title=title, frameon=False,
        fontsize="small", title_fontsize="small",
    )  # fmt: skip
    # Names are a user's own: a $ in them begins no formula, and a leading _ hides nothing.
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)
