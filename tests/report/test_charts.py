"""Charts: what stands on them, and that the same figures give the same file."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from minegan_jax.report import charts, figures

WORDS = {"title": "nines", "across": "training images", "up": "Fréchet distance"}
SERIES = {
    "MineGAN": [(10.0, [3.0, 5.0]), (400.0, [1.0, 2.0])],
    "scratch": [(10.0, [30.0, 40.0]), (400.0, [20.0, 24.0])],
}


def legend_of(figure):
    (legend,) = figure.legends
    return legend.get_title().get_text(), [text.get_text() for text in legend.get_texts()]


def ticks_of(axis):
    low, high = sorted(axis.get_view_interval())
    places = [place for place in axis.get_majorticklocs() if low <= place <= high]
    return axis.get_major_formatter().format_ticks(places)


def test_curves_say_what_they_show():
    figure = charts.curves(SERIES, **WORDS)
    (axes,) = figure.axes
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == tuple(WORDS.values())
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert legend_of(figure) == (
        "line: mean of 2 seeds; band: smallest to largest",
        ["MineGAN", "scratch"],
    )
    means = [line.get_ydata().tolist() for line in axes.lines]
    assert means == [[4.0, 1.5], [35.0, 22.0]]
    (band,) = axes.collections[0].get_paths()
    assert {tuple(point) for point in band.vertices} >= {(10, 3), (10, 5), (400, 1), (400, 2)}


def test_logarithmic_ticks_are_plain_numbers():
    (axes,) = charts.curves(SERIES, **WORDS).axes
    assert ticks_of(axes.xaxis) == ["10", "400"]
    assert ticks_of(axes.yaxis) == ["1", "2", "5", "10", "20"]


@pytest.mark.parametrize("values", [(1.1, 1.9), (3.0, 3.1), (0.02, 0.07)])
def test_a_narrow_range_has_ticks_as_well(values):
    (axes,) = charts.curves({"a": [(10.0, list(values))]}, **WORDS).axes
    ticks = ticks_of(axes.yaxis)
    assert len(ticks) >= 2
    assert all("e" not in tick and "$" not in tick for tick in ticks)


def test_one_seed_has_no_band_to_explain():
    figure = charts.curves({"a": [(10.0, [1.0]), (20.0, [2.0])]}, **WORDS)
    assert legend_of(figure)[0] == ""


@pytest.mark.parametrize("points", [[], [(10.0, [])], [(10.0, [0.0])], [(10.0, [2.0, -1.0])]])
def test_what_a_logarithm_cannot_show_is_left_out(points, tmp_path):
    figure = charts.curves({"none": points, "some": [(10.0, [2.0])]}, **WORDS)
    assert [len(line.get_xdata()) for line in figure.axes[0].lines] == [0, 1]
    charts.save(tmp_path / "some.png", figure)
    charts.save(tmp_path / "none.png", charts.curves({"none": points}, **WORDS))


def test_names_are_taken_as_they_are(tmp_path):
    names = ["$x", "_hidden", "50 % \\alpha^"]
    figure = charts.curves(
        {name: [(10.0, [2.0])] for name in names}, title="$a$", across="b", up="c"
    )
    charts.save(tmp_path / "names.png", figure)  # a formula that is none would raise
    assert legend_of(figure)[1] == names


def test_the_same_figures_give_the_same_file(tmp_path):
    for name in ("first", "second"):
        charts.save(tmp_path / f"{name}.png", charts.curves(SERIES, **WORDS))
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
    picture = Image.open(tmp_path / "first.png")
    assert not getattr(picture, "text", {})  # no version, no time
    assert picture.width == round(charts.HALF_PAGE[0] * charts.DOTS_PER_INCH)


def test_many_lines_differ():
    steps, count = [10, 20], 12
    figure = charts.shares(steps, {str(i): [1 / count] * 2 for i in range(count)}, [])
    looks = {(to_hex(line.get_color()), line.get_linestyle()) for line in figure.axes[0].lines}
    assert len(looks) == count


def test_shares_over_the_steps_of_all_phases(tmp_path, monkeypatch):
    """Each phase counts its steps from 1; the chart goes on where the one before ended."""
    drawn = []
    monkeypatch.setattr(charts, "save", lambda path, figure: drawn.append((path.name, figure)))
    lines = [
        {"phase": phase, "step": step, "selector": [
            {"name": "a", "probability": share}, {"name": "b", "probability": 1 - share}
        ]}
        for phase, step, share in [("mine", 5, 0.5), ("mine", 9, 0.4), ("finetune", 5, 0.25)]
    ]  # fmt: skip
    figures.save_selector(tmp_path, [{"phase": "mine", "step": 5, "loss": 1.0}, *lines])
    ((name, figure),) = drawn
    (axes,) = figure.axes
    assert name == "selector.png"
    first, second = axes.lines[:2]
    np.testing.assert_array_equal(first.get_xdata(), [5, 9, 14])
    np.testing.assert_array_equal(first.get_ydata(), [0.5, 0.4, 0.25])
    np.testing.assert_array_equal(second.get_ydata(), [0.5, 0.6, 0.75])
    assert [line.get_xdata()[0] for line in axes.lines[2:]] == [0, 9]
    assert [text.get_text() for text in axes.texts] == ["mine", "finetune"]
    assert legend_of(figure) == ("at the end", ["b: 0.75", "a: 0.25"])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "share of the images")


def test_one_source_has_no_chart(tmp_path):
    figures.save_selector(tmp_path, [{"phase": "mine", "step": 5, "loss": 1.0}])
    assert not list(tmp_path.iterdir())


def test_matplotlib_is_imported_where_a_chart_is_drawn():
    imports = "import sys, minegan_jax, minegan_jax.experiment.compare"
    code = f"{imports}; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
