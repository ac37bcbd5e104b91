"""The one-file example plays the package's game: its settings, its losses, its picture."""

import ast
import importlib.util
import itertools
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from minegan_jax import config, sources
from minegan_jax.data import batches
from minegan_jax.experiment import build
from minegan_jax.training import devices, loop

FILE = Path(__file__).parents[2] / "examples" / "minegan_minimal.py"
SMALL = {"STEPS": {"mine": 2, "finetune": 2}, "BATCH_SIZE": 8, "CRITIC_TURNS": 2}


@pytest.fixture(scope="module")
def source():
    """The source of `configs/mnist.py`: jitted functions know one by its networks."""
    (name,) = config.load_config("mnist").sources
    return sources.load_source(name)


@pytest.fixture(scope="module")
def whole():
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("minegan_minimal", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def example(whole, source, monkeypatch):
    """The example, with few steps of few images."""
    for name, value in SMALL.items():
        monkeypatch.setattr(whole, name, value)
    monkeypatch.setattr(whole, "load_source", {"mnist_without_9": source}.__getitem__)
    return whole


class Nothing:
    """A store that keeps no state."""

    def newest(self, like):
        del like


def of_package(pixels):
    """Trains by the package, as much; returns phases, losses, and the players' weights."""
    batch_size, turns = SMALL["BATCH_SIZE"], SMALL["CRITIC_TURNS"]
    values = {"run.batch_size": batch_size, "game.critic_steps": turns}
    values |= {f"run.{name}_steps": count for name, count in SMALL["STEPS"].items()}
    settings = config.replaced(config.from_config_dict(config.load_config("mnist")), values)
    mesh, seen = devices.make_mesh(batch_size, jax.devices()[:1]), []
    batch_at = batches.make_batch_at(
        *(pixels, np.full(len(pixels), 9)),
        batch_size=batch_size,
        turns=turns,
        seed=settings.run.seed,
        sharding=devices.split(mesh),
    )

    def note(progress):
        losses = (progress.metrics[name] for name in ("critic_loss", "players_loss"))
        seen.append((progress.phase.name, *map(float, losses)))

    phases = build.build(settings).phases
    stores = [Nothing()] * len(phases)
    last = loop.run(
        phases, batch_at, mesh=mesh, seed=settings.run.seed, stores=stores, hooks=[note]
    )
    players = [
        {"miner": state.params["miners"][0], "generator": state.params["generators"][0]}
        for state in last
    ]
    return seen, players


def test_it_trains_as_the_package_does(example, source):
    """Same images, same noise: the same losses, and the same weights after each phase."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 28, 28, 1), np.uint8)
    seen, after = [], {}
    for phase, players, losses in example.train(source, pixels):
        seen.append((phase, *map(float, losses)))
        after[phase] = players
    expected, players = of_package(pixels)
    assert [phase for phase, *_ in seen] == [phase for phase, *_ in expected]
    ours, theirs = ([losses for _, *losses in each] for each in (seen, expected))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    # A sum in another order may turn Adam's first steps, which look at signs alone, here and there.
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-3), list(after.values()), players
    )
    jax.tree.map(np.testing.assert_array_equal, after["mine"]["generator"], source.generator)


def test_its_settings_are_those_of_the_config(whole):
    """The others of `configs/mnist.py` do not touch the game: images held out, logs, the EMA."""
    settings = config.from_config_dict(config.load_config("mnist"))
    assert {"mine": settings.run.mine_steps, "finetune": settings.run.finetune_steps} == whole.STEPS
    assert {
        "miner": settings.miner.learning_rate,
        "generator": settings.game.learning_rate,
        "critic": settings.game.critic_learning_rate,
    } == whole.RATES
    assert (settings.game.beta1, settings.game.beta2) == whole.BETAS
    expected = settings.run.seed, settings.run.batch_size
    expected += settings.game.critic_steps, settings.game.penalty_weight
    assert expected == (
        *(whole.SEED, whole.BATCH_SIZE, whole.CRITIC_TURNS),
        whole.PENALTY_WEIGHT,
    )
    assert (settings.miner.width, settings.miner.depth) == (whole.MINER_WIDTH, 2)


def test_it_draws_a_row_of_each(example, tmp_path, capsys):
    example.main(tmp_path / "nines.png")
    rows = np.split(np.asarray(Image.open(tmp_path / "nines.png")), 4)
    assert all(row.shape == (28, 16 * 28) and row.max() > 200 for row in rows)
    assert not any((a == b).all() for a, b in itertools.combinations(rows, 2))
    assert len(capsys.readouterr().out.splitlines()) == sum(SMALL["STEPS"].values())


def test_it_is_short_and_takes_the_source_alone():
    text = FILE.read_text()
    assert len(text.splitlines()) <= 150
    imported = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    assert {
        (node.module, name.name)
        for node in imported
        for name in node.names
        if node.module.startswith("minegan_jax")
    } == {("minegan_jax.sources", name) for name in ("PACKAGED", "Source", "load_source")}
