"""DGN-AM and PPGN: each update against a slow truth, the encoder, and whole runs."""

import json
import shutil
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from test_family_runs import save_source

from minegan_jax import build, config, experiment, guides, sources, trees
from minegan_jax.errors import InputError
from minegan_jax.features import digits
from minegan_jax.features.catalogue import PACKAGED
from minegan_jax.methods import activation
from minegan_jax.nets.encoder import Encoder
from minegan_jax.nets.family import Networks
from minegan_jax.nets.function import as_function
from minegan_jax.types import Batch

SHAPE = (2, 3, 1)  # of the toy's images
RNG = np.random.default_rng(0)
WEIGHTS, INVERSE = RNG.normal(size=(4, 6)) / 2, RNG.normal(size=(6, 4))
LINEAR, SQUARE = RNG.normal(size=(6, 5)), RNG.normal(size=(6, 5))
LABEL = 3
CLASSES = {"resolution": 8, "channels": 1, "width": 4, "latent_size": 4, "num_classes": 3}
STARTS = 2.0 * RNG.normal(size=(7, 4))  # some beyond the limit


def make(latents):
    """G(h) = tanh(h W)."""
    return jnp.tanh(latents @ jnp.asarray(WEIGHTS, "float32")).reshape(-1, *SHAPE)


def encode(images):
    return images.reshape(-1, 6) @ jnp.asarray(INVERSE, "float32")


def logits(images, scale=1.0):
    """Returns x A + x^2 B / 2."""
    x = images.reshape(-1, 6)
    linear, square = (jnp.asarray(each, "float32") for each in (LINEAR, SQUARE))
    return scale * (x @ linear + x**2 @ square / 2)


def through_image(h):
    """The image of one latent, the change of the class's logit in it, and of it in the latent."""
    x = np.tanh(h @ WEIGHTS)
    return x, LINEAR[:, LABEL] + x * SQUARE[:, LABEL], WEIGHTS * (1 - x**2)[None]


def slow_dgn_am(h, num_steps):
    for i in range(num_steps):
        s = 8 + (1e-10 - 8) * i / num_steps
        x, g, jacobian = through_image(h)
        moved = x + s / 127.5 / np.abs(g).mean() * g
        d = jacobian @ (moved - x)
        h = h + s * activation.LATENT / np.abs(d).mean() * d
        h = 0.99 * np.minimum(np.maximum(h, -3), 3)
    return h


def slow_ppgn(h, num_steps, scale):
    for _ in range(num_steps):
        x, g, jacobian = through_image(h)
        scores = scale * (x @ LINEAR + x**2 @ SQUARE / 2)
        others = sum(np.exp(scores[j] - scores.max()) for j in range(5) if j != LABEL)
        rest = others / np.exp(scores - scores.max()).sum()
        d = 1e-5 * (x @ INVERSE - h) + 1.0 * rest * scale * (jacobian @ g)
        h = np.clip(h + activation.STEP / np.abs(d).mean() * d, -3, 3)
    return h


@pytest.mark.parametrize("num_steps", [0, 1, 5])
def test_dgn_am_climbs_as_published(num_steps):
    goal = activation.Goal(logits, LABEL, num_steps)
    found = jax.jit(partial(activation.search_dgn_am, goal, make))(jnp.asarray(STARTS, "float32"))
    expected = [slow_dgn_am(start, num_steps) for start in STARTS]
    np.testing.assert_allclose(found, expected, atol=1e-5)


# With the larger scale the classifier is sure of itself, and the prior's share decides.
@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize("num_steps", [0, 1, 5])
def test_ppgn_follows_class_and_prior(num_steps, scale):
    goal = activation.Goal(partial(logits, scale=scale), LABEL, num_steps)
    search = partial(activation.search_ppgn, goal, make, encode=encode)
    found = jax.jit(search)(jnp.asarray(STARTS, "float32"))
    expected = [slow_ppgn(start, num_steps, scale) for start in STARTS]
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_a_class_that_is_certain_leaves_the_prior_alone():
    certain = activation.Goal(
        lambda images: 1e3 * jax.nn.one_hot([LABEL] * len(images), 5), LABEL, 1
    )
    start = jnp.asarray(STARTS, "float32").clip(-3, 3)
    found = activation.search_ppgn(certain, make, start, encode=encode)
    towards = np.asarray(encode(make(start)) - start)
    step = activation.STEP * towards / np.abs(towards).mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found, (start + step).clip(-3, 3), atol=1e-5)


def test_nothing_to_climb_is_no_step():
    flat = activation.Goal(lambda images: jnp.zeros((len(images), 5)), LABEL, 3)
    found = activation.search_dgn_am(flat, make, jnp.ones((2, 4)))
    np.testing.assert_allclose(found, 0.99**3 * np.ones((2, 4)), rtol=1e-6)


def test_images_are_searched_by_themselves():
    goal = activation.Goal(logits, LABEL, 4)
    start = jnp.asarray(STARTS, "float32")
    for search in (
        partial(activation.search_dgn_am, goal, make),
        partial(activation.search_ppgn, goal, make, encode=encode),
    ):
        np.testing.assert_allclose(search(start)[2:3], search(start[2:3]), atol=1e-5)


def no_critic(*given):
    raise AssertionError(f"nothing is to be scored, got {given}")


def test_the_encoder_learns_to_invert_a_generator():
    """A linear generator loses nothing: the error falls far below 1, that of the prior's mean."""
    networks = Networks(
        generate=lambda params, latents: jnp.tanh(latents @ params["w"]).reshape(-1, 8, 8, 1),
        criticise=no_critic,
        init=dict,
        latent_size=4,
        resolution=8,
        channels=1,
    )
    weights = {"w": 0.3 * jax.random.normal(jax.random.key(1), (4, 64))}
    source = sources.Source("toy", "toy", networks, weights, {}, "", {})
    rules = activation.EncoderRules(width=4, batch_size=64, learning_rate=3e-3)
    learner = activation.inversion(source, rules)
    state = learner.init(None, jax.random.key(0))
    nothing = jnp.zeros((64, 1), "int32")
    batch = Batch(jnp.zeros((64, 1, 8, 8, 1), "uint8"), nothing, nothing)
    step = jax.jit(
        lambda state, key: learner.step(state, batch, learner.draw(key), oracles.average)
    )
    errors = []
    for number in range(150):
        state, metrics = step(state, jax.random.key(number))
        errors.append(float(metrics["inversion_error"]))
    assert errors[0] > 0.8
    assert np.mean(errors[-20:]) < 0.1
    np.testing.assert_array_equal(state.generator["w"], weights["w"])


# Whole runs.


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """The directory of a narrow classifier of fresh weights."""
    directory, arguments = tmp_path_factory.mktemp("classifier"), {"width": 2, "num_features": 4}
    params = digits.init_classifier(digits.DigitsClassifier(**arguments), jax.random.key(0))
    digits.save_classifier(directory, params, {"name": "narrow", "arguments": arguments})
    return directory


@pytest.fixture(scope="module")
def searching(tiny_fields, classifier):
    """Fields of a tiny search."""
    named = {"classifier": f"classifier:{classifier}", "sought_class": 3}
    return {**tiny_fields, **named, "search_steps": 2, "method": "dgn_am"}


@pytest.fixture(scope="module", params=["dgn_am", "ppgn"])
def run(request, searching, tmp_path_factory):
    """A finished run of one method."""
    fields = {**searching, "method": request.param, "train_steps": 2, "width": 4}
    return experiment.train(config.from_values(fields), tmp_path_factory.mktemp("runs") / "run")


def test_it_reports_its_only_phase_beside_the_source(run):
    name = run.experiment.config.method
    report = json.loads((run.workdir / "report.json").read_text())
    assert list(report["phases"]) == ["source", name]
    assert report["phases"][name]["recognised"] != report["phases"]["source"]["recognised"]
    steps = {"dgn_am": 0, "ppgn": 2}[name]
    assert (run.workdir / "samples" / f"{name}_{steps:06d}.png").exists()
    lines = [json.loads(x) for x in (run.workdir / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == {"dgn_am": [0], "ppgn": [1, 2]}[name]
    assert all(np.isfinite(line["inversion_error"]) for line in lines if name == "ppgn")


def test_its_images_are_those_of_the_search(run):
    mined, goal = run.mined(), guides.goal(run.experiment.config, run.experiment.guide)
    (source,) = run.experiment.sources
    assert mined.source_names == (source.name,)
    jax.tree.map(np.testing.assert_array_equal, mined.state.generator, source.generator)
    of_source = partial(source.networks.generate, mined.state.generator)
    encode = partial(as_function(Encoder(4, 4)), mined.state.encoder)
    search = {
        "dgn_am": activation.search_dgn_am,
        "ppgn": partial(activation.search_ppgn, encode=encode),
    }[run.experiment.config.method]
    start = jax.random.normal(jax.random.key(5), (6, 4))
    found = mined.method.generate(mined.state, 0, start)
    np.testing.assert_allclose(found, of_source(search(goal, of_source, start)), atol=1e-3)
    before, after = (goal.logits(images)[:, 3].mean() for images in (of_source(start), found))
    assert after > before


def test_one_seed_gives_one_set_of_images(run):
    images = run.sample(5, seed=1)
    assert images.shape == (5, 8, 8, 1)
    np.testing.assert_array_equal(images, experiment.open_run(run.workdir).sample(5, seed=1))
    assert (images != run.sample(5, seed=2)).any()


def test_a_finished_run_is_left_as_it_is(run, tmp_path):
    again = shutil.copytree(run.workdir, tmp_path / "again")
    resumed = experiment.train(run.experiment.config, again)
    assert len({trees.digest(each.mined().state) for each in (run, resumed)}) == 1
    logs = [(each.workdir / "metrics.jsonl").read_text().count("\n") for each in (run, resumed)]
    assert logs[0] == logs[1]


def test_a_changed_classifier_is_noticed(searching, classifier, tmp_path):
    own = shutil.copytree(classifier, tmp_path / "own")
    fields = {**searching, "classifier": f"classifier:{own}"}
    run = experiment.train(config.from_values(fields), tmp_path / "run")
    shutil.copytree(PACKAGED / "digits", own, dirs_exist_ok=True)
    with pytest.raises(InputError, match="trained with sources"):
        experiment.open_run(run.workdir)


@pytest.mark.parametrize(
    ("method", "asked"), [("dgn_am", "all"), ("dgn_am", "mean"), ("dgn_am", "1"), ("ppgn", "all")]
)
def test_the_class_of_a_conditional_source_stays(method, asked, searching, tmp_path):
    source = sources.load_source(save_source(tmp_path / "source", "dcgan", **CLASSES))
    given = {"sources": (source.location,), "method": method, "classes": asked, "width": 4}

    def made(num_steps, draws):
        fields = config.from_values({**searching, **given, "search_steps": num_steps})
        method, state = only_method(build.build(fields))
        assert method.latent_sizes == (draws.shape[1],)
        return method.generate(state, 0, draws)

    draws = jax.random.normal(jax.random.key(1), (8, 5 if asked == "all" else 4))
    drawn = (jax.scipy.stats.norm.cdf(draws[:, -1]) * 3).astype(int)
    labels = {"all": drawn, "mean": None, "1": np.full(8, 1)}[asked]
    unsearched = source.generate(draws[:, :4], labels)
    np.testing.assert_allclose(made(0, draws), unsearched, atol=2e-5)
    assert (np.abs(made(2, draws) - unsearched).max(axis=(1, 2, 3)) > 1e-3).all()


def only_method(built):
    (method,) = built.methods.values()
    return method, method.learner.init(None, jax.random.key(0))


def test_each_image_keeps_the_class_that_was_drawn():
    """A generator that shows nothing but its class shows the same one however long is searched."""
    networks = Networks(
        generate=lambda _, z, number: 0 * z[:, :1, None, None] + number[:, None, None, None] / 3,
        criticise=no_critic,
        init=dict,
        latent_size=2,
        resolution=1,
        channels=1,
        num_classes=3,
    )
    source = sources.Source("toy", "toy", networks, {"w": np.zeros(1)}, {}, "", {})
    goal = activation.Goal(lambda images: images.reshape(-1, 1) @ jnp.ones((1, 2)), 1, 5)
    method = activation.dgn_am(source, goal)
    draws = jax.random.normal(jax.random.key(0), (20, 3))
    found = method.generate(method.learner.init(None, jax.random.key(0)), 0, draws)
    drawn = (jax.scipy.stats.norm.cdf(draws[:, -1]) * 3).astype(int)
    np.testing.assert_allclose(found.reshape(20), drawn / 3, rtol=1e-6)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"classifier": ""}, "dgn_am seeks a class of a classifier: expected --config.classifier="),
        ({"classifier": "digit"}, "unknown features 'digit': expected one of digits"),
        ({"classifier": "digits_judge"}, "classifier 'digits_judge' is the judge, .* another"),
        ({"sought_class": 10}, "class 10 of classifier 'classifier:.*: expected 0 to 9"),
        ({"sought_class": None}, "expected a single one of --config.labels, .* found labels none"),
        ({"sought_class": None, "labels": (1, 2)}, "found labels 1, 2"),
        (
            {"sources": ("mnist_without_9", "digits_0_to_4")},
            "dgn_am starts from one source, found 2",
        ),
        ({"sources": ()}, "'dgn_am' needs at least one source"),
    ],
)
def test_what_cannot_be_searched_is_one_line(fields, line, searching):
    with pytest.raises(InputError, match=line):
        build.build(config.from_values({**searching, **fields}))


def test_the_judge_by_another_name_is_the_judge(searching):
    fields = {"method": "ppgn", "classifier": f"classifier:{PACKAGED / 'digits_judge'}"}
    with pytest.raises(InputError, match="is the judge"):
        build.build(config.from_values({**searching, **fields}))


def test_a_single_label_is_what_is_sought(searching):
    fields = config.from_values({**searching, "sought_class": None, "labels": (7,)})
    built = build.build(fields)
    assert guides.goal(fields, built.guide).label == 7


def test_distances_in_the_climbed_network_are_warned_of(searching, caplog):
    build.build(config.from_values({**searching, "classifier": "digits"}))
    assert "classifier 'digits' also measures" in caplog.text


def test_mining_without_steps_is_the_source(tiny_fields, tmp_path):
    """Any phase may have no steps: it is kept, sampled and measured as it starts."""
    fields = {**tiny_fields, "mine_steps": 0, "finetune_steps": 0}
    run = experiment.train(config.from_values(fields), tmp_path / "run")
    assert run.phases_done() == ["mine"]
    phases = json.loads((run.workdir / "report.json").read_text())["phases"]
    assert phases["mine"]["recognised"] == phases["source"]["recognised"]
