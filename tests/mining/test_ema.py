"""The EMA that samples: how little of a phase's start is left in it, and the weights beside it."""

import json
import logging

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from toys import RULES, changed, toy_source

from minegan_jax import config, experiment
from minegan_jax.baselines import vae
from minegan_jax.baselines.settings import ReconstructionSettings
from minegan_jax.config import from_values
from minegan_jax.errors import InputError
from minegan_jax.experiment import build, comparison_config
from minegan_jax.mining import minegan
from minegan_jax.mining.game import ema_decay, ema_start_share, update_ema
from minegan_jax.mining.turns import by_source
from minegan_jax.report import evaluator
from minegan_jax.report.settings import ReportConfig
from minegan_jax.sampling import generator
from minegan_jax.sampling.adapter import load_adapter
from minegan_jax.types import Batch

ARGUMENTS = {
    "figure5_digits": ("long",),
    "several_digits": ("critics", "pairs", "ten", "families"),
    "table2_digits": ("rates", "vae", "long"),
}
NAMES = [
    ":".join(filter(None, (name, argument)))
    for name in config.packaged()
    for argument in ("", *ARGUMENTS.get(name, ()))
]
STEPS = {
    "minegan": ("mine_steps", "finetune_steps"),
    "transfergan": ("finetune_steps",),
    "scratch": ("train_steps",),
}


def runs_of(name):
    """Yields the config of each run that a packaged config describes."""
    values = config.load_config(name)
    if not comparison_config.is_comparison(values):
        yield config.from_config_dict(values)
        return
    table = comparison_config.from_config_dict(values)
    yield from map(from_values, table.pretrained.values())
    yield from (cell.config for cell in comparison_config.cells(table, {}))


@pytest.mark.parametrize("name", NAMES)
def test_a_config_leaves_little_of_a_phases_start(name):
    for run in runs_of(name):
        for steps in (getattr(run.run, field) for field in STEPS.get(run.method, ())):
            assert not steps or (
                ema_start_share(run.game.ema_decay, steps - run.game.warmup_steps)
                <= build.MOST_LEFT
            )


def shifted(state, by):
    """Returns a state whose averages lie elsewhere."""
    return state._replace(ema_params=jax.tree.map(lambda leaf: leaf + by, state.ema_params))


@pytest.mark.parametrize("warmup", [0, 2])
@pytest.mark.parametrize("decay", [0.0, 0.25, 0.999])
def test_the_share_of_the_start_is_what_is_said(decay, warmup):
    """What is added to the averages after the warm-up is found again in that share."""
    rules = changed(RULES, {"game.ema_decay": decay, "game.warmup_steps": warmup})
    sources = [toy_source(0), toy_source(1)]
    given = sources, rules, minegan.MinerShape(depth=2, width=8), minegan.critic_of(sources[0])
    images = np.random.default_rng(0).integers(
        0, 256, (4, RULES.game.critic_steps, 2, 2, 1), np.uint8
    )
    batch = Batch(jnp.asarray(images), *jnp.zeros((2, 4, RULES.game.critic_steps), jnp.int32))
    state = None
    for method, turns in ((minegan.mine(*given), 3), (minegan.finetune(*given), 2)):
        learner = method.learner
        step = jax.jit(lambda *given, step=learner.step: step(*given, oracles.mean_over_devices))
        state = learner.init(state, jax.random.key(0))
        for turn in range(warmup):
            state, _ = step(state, batch, learner.draw(jax.random.key(turn)))
        elsewhere = shifted(state, 1000.0)
        for turn in range(turns):
            draws = learner.draw(jax.random.key(warmup + turn))
            state, elsewhere = (step(each, batch, draws)[0] for each in (state, elsewhere))
        difference = jax.tree.map(jnp.subtract, elsewhere.ema_params, state.ema_params)
        for leaf in jax.tree.leaves(difference):
            np.testing.assert_allclose(
                leaf, 1000.0 * ema_start_share(decay, turns), rtol=1e-3, atol=1e-3
            )
        assert sorted(difference) == sorted(state.ema_params)


def test_while_the_critic_warms_up_the_ema_comes_to_the_weights():
    decays = ema_decay(0.999, np.arange(8), warmup_steps=4)
    np.testing.assert_allclose(decays[:5], 0.1, rtol=1e-6)
    assert (np.diff(decays[4:]) > 0).all()


def test_vectors_of_spectral_norms_are_taken_as_they_are():
    old = {"layer": {"kernel": jnp.zeros((2, 2)), "u": jnp.zeros(2), "v": jnp.zeros(2)}}
    new = jax.tree.map(jnp.ones_like, old)
    found = update_ema(new, old, jnp.float32(0.75))["layer"]
    np.testing.assert_array_equal(found["kernel"], 0.25)
    np.testing.assert_array_equal(found["u"], 1.0)
    np.testing.assert_array_equal(found["v"], 1.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"run.mine_steps": 1}, ["mine: its EMA will keep 10 % of"]),
        ({"run.finetune_steps": 1}, ["finetune: its EMA will keep 10 % of"]),
        ({"run.mine_steps": 1, "game.ema_decay": 0.04}, []),
        ({"run.mine_steps": 1, "miner.ema": False}, []),
        ({"run.mine_steps": 0, "run.finetune_steps": 0}, []),
        ({"game.warmup_steps": 1, "run.finetune_steps": 2}, ["finetune: "]),
        ({"game.warmup_steps": 3}, ["mine: its EMA will keep 100 % of", "finetune: "]),
        ({"method": "transfergan", "run.finetune_steps": 1}, ["finetune: "]),
        (
            {
                "method": "dgn_am",
                "baseline.classifier": "digits",
                "baseline.target_class": 1,
                "report.classifier": "",
            },
            [],
        ),
    ],
)
def test_a_phase_too_short_for_its_ema_is_named(changes, said, tiny_fields):
    fields = {**tiny_fields, "network.resolution": 8, "game.ema_decay": 0.9, **changes}
    lines = list(build.lagging_emas(build.build(from_values(fields))))
    assert len(lines) == len(said)
    assert all(line.startswith(start) for line, start in zip(lines, said, strict=True))


@pytest.fixture(scope="module")
def unaveraged(tmp_path_factory, tiny_fields):
    """A run whose miner has no EMA, and what it logged."""
    fields = {**tiny_fields, "miner.ema": False, "run.mine_steps": 1, "run.finetune_steps": 1}
    records = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())
    logging.getLogger("minegan_jax").addHandler(handler)
    run = experiment.train(from_values(fields), tmp_path_factory.mktemp("runs") / "unaveraged")
    logging.getLogger("minegan_jax").removeHandler(handler)
    return run, [line for line in records if "EMA" in line]


def test_miners_may_do_without_an_ema(unaveraged):
    run, logged = unaveraged
    assert [line.partition(":")[0] for line in logged] == ["finetune"]
    mined, finetuned = (run.generator(phase) for phase in ("mine", "finetune"))
    assert (mined.kind, run.state("mine").ema_params) == ("raw", {})
    assert (finetuned.kind, list(run.state("finetune").ema_params)) == ("ema", ["generators"])
    weights = {name: phase["weights"] for name, phase in report_of(run)["phases"].items()}
    assert weights == {"source": "raw", "mine": "raw", "finetune": "ema"}
    adapter = json.loads((run.workdir / "adapter" / "adapter.json").read_text())
    assert adapter["weights"] == "raw"
    found = load_adapter(run.workdir / "adapter").sample(6)
    np.testing.assert_array_equal(found, mined.sample(6))
    with pytest.raises(InputError, match="no EMA was kept"):
        run.evaluate(10, weights="ema")


def report_of(run):
    return json.loads((run.workdir / "report.json").read_text())


def test_a_report_names_the_weights_that_it_measured(finished):
    run = experiment.open_run(finished)
    before = report_of(run)
    assert before["recipe"]["weights"] is None
    assert [phase["weights"] for phase in before["phases"].values()] == ["raw", "ema", "ema"]
    raw = run.evaluate(weights="raw")
    assert raw["recipe"]["weights"] == "raw"
    assert {phase["weights"] for phase in raw["phases"].values()} == {"raw"}
    for name, same in (("source", True), ("mine", False), ("finetune", False)):
        distances = (each["phases"][name]["held_out"]["frechet_distance"] for each in (before, raw))
        assert (len(set(distances)) == 1) == same
    assert "source raw, mine raw, finetune raw" in (finished / "report.md").read_text()


def test_the_raw_weights_are_those_that_were_trained(tiny_run):
    run = experiment.open_run(tiny_run)
    averaged, raw = (run.generator("finetune", weights) for weights in ("ema", "raw"))
    np.testing.assert_array_equal(run.sample(5), averaged.sample(5))
    expected = averaged._replace(weights=by_source(run.state("finetune").params)).sample(5)
    np.testing.assert_array_equal(raw.sample(5), expected)
    assert (raw.sample(5) != averaged.sample(5)).any()
    np.testing.assert_array_equal(run.sample(5, weights="raw"), expected)
    with pytest.raises(InputError, match="no weights 'bare': expected ema or raw"):
        run.sample(5, weights="bare")


def test_the_raw_weights_are_one_flag_away(cli, tiny_run, tmp_path):
    def sample(*flags):
        out = tmp_path / "images.npz"
        assert cli("--mode=sample", f"--out={out}", "--num_images=5", *flags) == (0, "")
        return np.load(out)["images"]

    workdir = f"--workdir={tiny_run}"
    by_default, averaged, raw = (
        sample(workdir, "--phase=mine", *flags)
        for flags in ([], ["--weights=ema"], ["--weights=raw"])
    )
    np.testing.assert_array_equal(by_default, averaged)
    assert (raw != averaged).any()
    np.testing.assert_array_equal(by_default, sample(f"--adapter={tiny_run / 'adapter'}"))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--workdir={run}", "--weights=bare"], "weights"),
        (["--adapter={run}/adapter", "--weights=ema"], "an adapter holds one set"),
        (["--workdir={run}", "--phase=source", "--weights=ema"], "a source as it came has none"),
    ],
)
def test_weights_that_are_not_there(flags, said, cli, tiny_run, tmp_path):
    given = [flag.format(run=tiny_run) for flag in flags]
    status, line = cli("--mode=sample", f"--out={tmp_path / 'images.npz'}", *given)
    assert status == 2
    assert said in line


def test_methods_without_an_ema_draw_from_raw_weights():
    networks = toy_source(0).networks
    method = vae.vae(networks, 4, ReconstructionSettings())
    assert generator.chosen_kind(method, None) == generator.chosen_kind(method, "raw") == "raw"
    with pytest.raises(InputError, match="no EMA was kept"):
        generator.chosen_kind(method, "ema")


def test_a_recipe_takes_the_ema_unless_told():
    assert evaluator.Recipe(ReportConfig()).weights is None
