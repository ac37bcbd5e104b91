"""The page of a report: whole, safe whatever names hold, readable without pointer or network."""

import base64
import io
import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from minegan_jax.metrics.memorisation import Memorisation
from minegan_jax.report import embedded, figures, html, image_grids, page, svg, table_page

VOID = {"meta", "img", "input"}
EVIL = "</script><script>alert(\"1\")</script><img src=x onerror='a'>&amp;"


class Outline(HTMLParser):
    """What a page consists of; raises where its elements do not nest."""

    def __init__(self, text):
        super().__init__()
        self.open, self.found, self.text = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append((self.open[-1] if self.open else "", data))

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]

    def texts(self, tag):
        return [data for name, data in self.text if name == tag]


@pytest.fixture
def record(tiny_run):
    """A report's record."""
    return json.loads((tiny_run / "report.json").read_text())


def line(phase, step):
    """A line of the metrics; the first loss of the players was not finite."""
    losses = {"critic_loss": 1.0 / step, "players_loss": None if step == 1 else -1.0}
    shares = [{"name": name, "probability": 0.5, "interval": [0.4, 0.6]} for name in "ab"]
    others = {"win_rates": [1.0, 0.0], "steps_per_second": 3.0, "selector": shares}
    return {"phase": phase, "step": step, **losses, **others}


LINES = [
    *(line(phase, step) for phase in ("mine", "finetune") for step in (1, 2)),
    {"phase": "finetune", "step": 2, "evaluation": {"frechet_distance": 3.0, "num_real": 4}},
]


@pytest.fixture
def samples(tmp_path):
    """A folder of pictures as a run leaves them, and the images in them."""
    rng = np.random.default_rng(0)
    for number, phase in enumerate(("mine", "finetune")):
        for step in (1, 2):
            grid = image_grids.grid(rng.integers(0, 256, (4, 8, 8, 1), np.uint8), columns=2)
            image_grids.save_png(tmp_path / f"{phase}_{step + number:06d}.png", grid)
    return tmp_path


def pixels(picture):
    """The pixels of a picture in a page, before it was magnified."""
    kind, _, content = picture.uri.partition(";base64,")
    assert kind == "data:image/png"
    with Image.open(io.BytesIO(base64.b64decode(content))) as image:
        assert image.size == (picture.width, picture.height)
        return np.asarray(image)[::2, ::2]


def test_a_run_leaves_a_whole_page(tiny_run):
    outline = Outline((tiny_run / "report.html").read_text())
    assert outline.all("html") == [{"lang": "en"}]
    headings = outline.texts("h2")
    assert headings[0] == "Copies of the training images?"
    assert headings[-1] == "Recipe"
    assert {"Samples", "Figures", "Latent walk"} < set(headings)


def test_what_a_page_shows(record, samples, tiny_run):
    for name in ("comparison", "closest", "walk"):
        picture = tiny_run / "samples" / f"{name}.png"
        (samples / picture.name).write_bytes(picture.read_bytes())
    text = html.to_html("run", record, LINES, samples)
    outline = Outline(text)
    captions = outline.texts("figcaption")
    assert [c for c in captions if ", step " in c] == [
        "mine, step 1", "mine, step 2", "finetune, step 2", "finetune, step 3"
    ]  # fmt: skip
    assert {"critic loss", "players loss", "Fréchet distance ↓"} <= set(captions)
    assert {"source, as it came", "the target's images"} < set(captions)
    assert "mine: 3 of 3 steps, ema weights" in captions
    assert captions.count("step 1 of 8") == 1
    for phase in record["phases"].values():
        assert phase["verdict"]["verdict"] in outline.texts("p")
        assert phase["verdict"]["because"] in outline.texts("p")


def test_a_page_loads_nothing_and_reads_aloud(record, samples):
    outline = Outline(html.to_html("run", record, LINES, samples))
    identifiers = [given["id"] for _, given in outline.found if "id" in given]
    assert len(identifiers) == len(set(identifiers))
    for link in outline.all("a"):
        assert link["href"] == "report.md" or link["href"][1:] in identifiers
    assert not outline.all("link")
    assert not [given for given in outline.all("script") if given]
    assert all(
        image["src"].startswith("data:image/") and image["alt"] for image in outline.all("img")
    )
    assert all(given["aria-label"] for given in outline.all("input"))
    assert all("aria-label" in given or "aria-hidden" in given for given in outline.all("svg"))
    (policy,) = (m["content"] for m in outline.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'")
    style = "".join(outline.texts("style"))
    assert "prefers-color-scheme: dark" in style
    assert "url(" not in style


def test_every_colour_that_lines_take_is_in_both_schemes():
    style = (page.HERE / "page.css").read_text()
    for number in range(svg.COLOURS):
        assert style.count(f"--c{number}:") == 2
        assert f".line{number} " in style


@pytest.mark.parametrize("evil", [EVIL, "<b>", '"', "$x$ 漢字"])
def test_names_are_never_markup(evil, record, samples):
    """Of runs, sources, classes and phases, and the remarks that quote them."""
    lines = [{**line, "phase": evil, evil: 1.0} for line in LINES]
    last = record["phases"]["finetune"]
    record["provenance"]["phases"][evil] = record["provenance"]["phases"]["finetune"]
    record["phases"][evil] = last | {"verdict": last["verdict"] | {"because": evil}}
    record |= {"remarks": [evil], "caution": evil}
    record["classes"] = [{"source": evil, "class": evil, "share": 1.0, "distance": 0.1}]
    row = {"name": evil, "probability": 0.5, "interval": [0.4, 0.6]}
    record["selector"] = [row, {**row, "name": "other"}]
    outline = Outline(html.to_html(evil, record, lines, samples))
    assert evil in "".join(outline.texts("h1"))
    assert len(outline.all("script")) == 1
    assert not [given for _, given in outline.found if any(key.startswith("on") for key in given)]
    assert not outline.all("b")


def test_a_report_without_held_out_images_or_a_judge(record, tmp_path):
    for phase in record["phases"].values():
        phase |= {"held_out": None, "equal_counts": None, "recognised": {}, "memorisation": {}}
    record["real"] = {}
    outline = Outline(html.to_html("run", record, [], tmp_path))
    assert any("num_held_out" in text for text in outline.texts("p"))
    assert {"Samples", "Curves", "Latent walk"}.isdisjoint(outline.texts("h2"))


@pytest.mark.parametrize("channels", [1, 3])
def test_panels_are_the_images_of_a_phase(channels, tmp_path):
    rng = np.random.default_rng(channels)
    sets = [rng.integers(0, 256, (count, 8, 8, channels), np.uint8) for count in (36, 5, 36)]
    sheet = image_grids.side_by_side(sets, columns=figures.PANEL)
    image_grids.save_png(tmp_path / "comparison.png", sheet)
    panels = embedded.panels(tmp_path / "comparison.png", 3)
    for images, panel in zip(sets, panels, strict=True):
        own = image_grids.grid(images, columns=figures.PANEL)
        found = pixels(panel).reshape(sheet.shape[0], -1, channels)
        np.testing.assert_array_equal(found[: len(own)], own)
        assert (found[len(own) :] == image_grids.PAPER).all()


@pytest.mark.parametrize("count", [1, 4, 5, 16])
def test_pairs_are_images_beside_their_nearest(count, tmp_path):
    rng = np.random.default_rng(count)
    train, images = rng.integers(0, 256, (2, 20, 8, 8, 1), np.uint8)
    closest = rng.integers(0, 20, (count, 2))
    figures.save_closest(tmp_path, train, images, Memorisation(*[None] * 7, closest))
    pairs = embedded.pairs(tmp_path / "closest.png")
    for (fake, near), pair in zip(closest, pairs, strict=True):
        found = pixels(pair)
        np.testing.assert_array_equal(found[:, :8], images[fake, :, :, 0])
        np.testing.assert_array_equal(found[:, -8:], train[near, :, :, 0])


def test_a_step_of_the_walk_shows_every_walk(tmp_path):
    rng, side = np.random.default_rng(0), figures.WALKS
    walks = rng.integers(0, 256, (side, side, 8, 8, 1), np.uint8)
    sheet = image_grids.grid(walks.reshape(-1, 8, 8, 1), columns=side)
    image_grids.save_png(tmp_path / "walk.png", sheet)
    steps = embedded.walk(tmp_path / "walk.png")
    assert len(steps) == side
    for number, step in enumerate(steps):
        own = image_grids.grid(walks[:, number], columns=side // 2)[2:-2, 2:-2, 0]
        np.testing.assert_array_equal(pixels(step), own)


@pytest.fixture
def compared(tmp_path):
    """A comparison's record, of two methods with two seeds, and its folder."""
    given = {
        "steps": 3,
        "images": 5,
        "guide": None,
        "search_steps": None,
        "weights": "ema",
    }
    rows = [
        {"title": title, "setting": "nines & <more>", "max_images": size, "seed": seed,
         "label": False, "folder": f"runs/{title}_{size}_{seed}", "remarks": [], "given": given,
         "frechet_distance": float(size + seed), "coverage": 0.5}
        for title in ("mine", "<i>") for size in (4, 8) for seed in (0, 1)
    ]  # fmt: skip
    image_grids.save_png(tmp_path / "figure_nines.png", np.zeros((9, 9, 3), np.uint8))
    measured = {"rows": rows, "device": "cpu", "versions": [{"jax": "1"}], "milliseconds": {},
                "metrics": ["frechet_distance", "coverage"]}  # fmt: skip
    return measured, tmp_path


def test_a_comparison_is_a_page_too(compared):
    measured, folder = compared
    table_page.write(folder, measured)
    outline = Outline((folder / "table.html").read_text())
    assert outline.texts("h2") == [
        "Figures", "Samples", "What each method was given", "Runs", "Recipe"
    ]  # fmt: skip
    links = [link["href"] for link in outline.all("a")]
    assert [link for link in links if link.endswith("report.html")] == [
        f"{folder}/report.html" for folder in dict.fromkeys(r["folder"] for r in measured["rows"])
    ]
    cells = outline.texts("td")
    assert "4.5\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.71" in cells
    assert "8.5\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.71" in cells
    assert "<i>" in cells
    assert outline.texts("figcaption") == ["nines"]
    assert not outline.all("i")


def test_remarks_stand_before_the_figures_of_a_comparison(compared):
    measured, folder = compared
    measured["rows"][0]["remarks"] = ["<b>seen</b>"]
    outline = Outline(table_page.to_html("table", measured, folder))
    assert "Careful: <b>seen</b>." in outline.texts("p")


def test_pictures_that_are_not_there():
    missing = page.HERE / "missing.png"
    assert embedded.whole(missing) is None
    assert [embedded.panels(missing, 2), embedded.pairs(missing), embedded.walk(missing)] == [
        []
    ] * 3


def test_large_pictures_are_shrunk_or_named(record, samples, monkeypatch):
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (1600, 1600, 3), np.uint8))
    noise.save(samples / "mine_000009.png")
    picture = embedded.whole(samples / "mine_000009.png")
    assert picture.width == 800
    assert picture.uri.startswith("data:image/jpeg;")
    monkeypatch.setattr(embedded, "MOST_PIXELS", 10**6)
    text = html.to_html("run", record, LINES, samples)
    assert "mine_000009.png" in text
    assert "mine, step 9" not in text


def test_a_long_run_shows_grids_from_first_to_last(samples, monkeypatch):
    blank = np.zeros((4, 4, 1), np.uint8)
    for step in range(100):
        image_grids.save_png(samples / f"mine_{step + 10:06d}.png", blank)
    (samples / "else_000001.png").write_bytes(b"")
    found = embedded.grids(samples, ["mine", "finetune"])
    assert len(found) == embedded.MOST_GRIDS
    places = [(grid.phase != "mine", grid.step) for grid in found]
    assert places == sorted(set(places))
    assert (found[0].step, found[-1].phase, found[-1].step) == (1, "finetune", 3)
    monkeypatch.setattr(embedded, "MOST_PIXELS_OF_GRIDS", 1)
    assert embedded.grids(samples, ["mine", "finetune"]) == []


SERIES = {
    "one point": [(5, 1.0)],
    "constant": [(0, 2.0), (10, 2.0)],
    "gaps": [(0, None), (1, 1.0), (2, None), (3, 2.0), (4, 3.0)],
    "tens": [(step, 10.0**step) for step in range(6)],
    "negative": [(step, -float(step)) for step in range(6)],
    "long": [(step, float(np.sin(step))) for step in range(5000)],
    "huge": [(0, -1e300), (1, 1e300)],
    "tiny": [(0, 1e-310), (1, 2e-310)],
}


@pytest.mark.parametrize("name", SERIES)
def test_charts_stay_inside_their_frame(name):
    line = svg.Line("a < b", SERIES[name])
    chart = ElementTree.fromstring(svg.chart([line], title="t & u", starts={"mine": 0, "<f>": 3}))
    paths = [path.get("d") for path in chart.iter("path")]
    assert paths
    for path in paths:
        for x, y in re.findall(r"[ML](-?[\d.einfa]+),(-?[\d.einfa]+)", path):
            assert -0.1 <= float(x) <= svg.WIDTH + 0.1
            assert -0.1 <= float(y) <= svg.HEIGHT + 0.1
    (drawn,) = (path.get("d") for path in chart.iter("path") if path.get("class") == "line0")
    assert len(drawn.split("L")) <= svg.MOST_POINTS + 1
    assert "a < b" in chart.get("aria-label")


def test_a_chart_of_several_lines_says_which_is_which():
    lines = [svg.Line(name, [(0, 0.1), (1, 0.9)]) for name in ("left", "right")]
    text = svg.chart(lines, title="t", starts={}, limits=(0.0, 1.0))
    legend = ElementTree.fromstring(text.partition("</svg>")[2])
    assert ["".join(item.itertext()) for item in legend] == ["left", "right"]


def test_phases_follow_each_other():
    assert html.phase_starts(LINES) == {"mine": 0, "finetune": 2}
