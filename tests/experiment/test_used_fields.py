"""Fields that do nothing are refused where somebody named them, dropped where all share them."""

import typing

import pytest

from minegan_jax import config, experiment, sources
from minegan_jax.config import Config, from_config_dict, from_values, load_config
from minegan_jax.errors import InputError
from minegan_jax.experiment import (
    build,
    comparison_config,
    load_sources,
    target_images,
    used_fields,
)
from minegan_jax.setting import OneOf

pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")


def test_every_field_is_read_by_some_method_and_every_method_is_in_the_table():
    assert frozenset().union(*used_fields.READ.values()) == set(config.FIELDS)
    assert used_fields.READ.keys() == {**build.METHODS, **build.GAMES}.keys()


def another(name):
    """Returns a value of a field that is not its default."""
    value, allowed = config.FIELDS[name].default, config.FIELDS[name].metadata["allowed"]
    if isinstance(allowed, OneOf):
        return next(one for one in allowed.values if one != value)
    if isinstance(value, bool):
        return not value
    if value is None:
        kinds = typing.get_args(config.FIELDS[name].kind)
        return 1 if int in kinds else 0.5 if float in kinds else "digits"
    if isinstance(value, float):
        return value / 2 or 0.5
    if isinstance(value, int):
        return value + 1
    return (*value, *value) or (1,) if isinstance(value, tuple) else f"{value}x"


READ_BY_NONE = [
    (method, name)
    for method, read in used_fields.READ.items()
    for name in config.FIELDS
    if name not in read
]


@pytest.mark.parametrize(("method", "name"), READ_BY_NONE)
def test_what_a_method_does_not_read_is_refused_by_name(method, name):
    given = from_values({"method": method, name: another(name)})
    with pytest.raises(InputError) as caught:
        used_fields.check(given, [name])
    assert f"config field {name!r} does nothing for method {method!r}" in str(caught.value)
    assert "\n" not in str(caught.value)
    used_fields.check(given, [])  # nobody asked for it
    used_fields.check(Config(method=method), config.FIELDS)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"selector.window": 50}, "'selector.window' does nothing beside a single source"),
        ({"selector.drop_below": 0.1}, "'selector.drop_below' does nothing beside a single source"),
        ({"miner.start": "affine", "miner.width": 9}, "'miner.width' does nothing beside affine"),
        (
            {"miner.start": "affine", "miner.draws_class": False},
            "'miner.draws_class' does nothing beside affine",
        ),
        (
            {"classes": "mean", "miner.draws_class": False},
            "'miner.draws_class' does nothing beside classes that are given",
        ),
        (
            {"game.critic": "fresh", "game.freeze_critic_layers": 1},
            "'game.freeze_critic_layers' does nothing beside a fresh critic",
        ),
        (
            {"sources": ("a", "b"), "selector.exploration": 0.0, "selector.exploration_steps": 9},
            "'selector.exploration_steps' does nothing beside selector.exploration=0",
        ),
        (
            {"method": "vae", "baseline.perceptual_weight": 0.1},
            "'baseline.perceptual_weight' does nothing beside no perceptual",
        ),
    ],
)
def test_what_does_nothing_beside_another_value(fields, said):
    with pytest.raises(InputError, match=said):
        used_fields.check(from_values(fields), fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"sources": ("a", "b"), "selector.window": 50, "selector.drop_below": 0.1},
        {"selector.exploration": 0.0},  # asks for nothing
        {"method": "scratch", "sources": (), "game.penalty_weight": 0.0},
        {"method": "dgn_am", "game.penalty_weight": 0.0, "baseline.classifier": "digits"},
        {"method": "transfergan", "game.freeze_critic_layers": 2},
    ],
)
def test_what_does_something_or_asks_for_nothing_is_no_mistake(fields):
    used_fields.check(from_values(fields), fields)


@pytest.mark.parametrize("name", config.packaged())
def test_no_packaged_config_has_a_field_that_does_nothing(name):
    values = load_config(name)
    if comparison_config.is_comparison(values):
        comparison_config.from_config_dict(values)
    else:
        used_fields.check(from_config_dict(values), config.FIELDS)


def cells_of(**methods):
    values = comparison_config.default_comparison()
    values.fields.run.update(mine_steps=7, train_steps=5, seed=4)
    values.fields.miner.width = 9
    values.fields.baseline.kl_weight = 0.3
    values.settings = {"one": {"classes": "3", "selector": {"exploration": 0.4}}}
    values.methods = {name: config.nested(fields) for name, fields in methods.items()}
    values.seeds = (0,)
    parsed = comparison_config.from_config_dict(values)
    return {cell.method: cell.config for cell in comparison_config.cells(parsed, {})}


def test_a_comparison_drops_from_shared_fields_what_a_method_does_not_read():
    found = cells_of(
        MineGAN={}, scratch={"method": "scratch"}, VAE={"method": "vae", "baseline.kl_weight": 0.5}
    )
    mined, scratch, vae = (found[name] for name in ("MineGAN", "scratch", "VAE"))
    assert (mined.run.mine_steps, mined.miner.width, mined.classes) == (7, 9, "3")
    assert (mined.selector.exploration, mined.baseline.kl_weight) == (0.4, 0.1)
    assert (scratch.run.train_steps, scratch.run.mine_steps, scratch.classes) == (5, 1000, "all")
    assert (scratch.sources, mined.sources) == ((), Config().sources)
    assert (vae.baseline.kl_weight, vae.run.train_steps) == (0.5, 5)


@pytest.mark.parametrize(
    "own",
    [{"method": "scratch", "run.mine_steps": 3}, {"baseline.kl_weight": 0.5}, {"critic_turn": 2}],
)
def test_a_comparison_refuses_what_does_nothing_for_the_method_that_names_it(own):
    with pytest.raises(InputError, match=r"does nothing for method|unknown config field"):
        cells_of(one=own)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ("--config.method=scratch", "--config.game.critic=fresh"),
            "'game.critic' does nothing",
        ),
        (
            ("--config.baseline.kl_weight=0.5",),
            "'baseline.kl_weight' does nothing for method 'minegan'",
        ),
        (
            ("--config.selector.drop_below=0.5",),
            "'selector.drop_below' does nothing beside a single source",
        ),
        (
            ("--config.game.beta1=1.5",),
            "'game.beta1': expected 0.0 or more, less than 1.0, found 1.5",
        ),
        (
            ("--config.game.learning_rate=nan",),
            "'game.learning_rate': expected more than 0.0, found nan",
        ),
    ],
)
def test_the_command_line_refuses_what_does_nothing(flags, said, train, tmp_path):
    status, line = train(*flags)
    assert status == 2
    assert said in line
    assert not (tmp_path / "run").exists()


def test_a_file_is_refused_too_but_not_for_a_method_that_flags_change(cli, tiny_config, tmp_path):
    workdir = f"--workdir={tmp_path / 'run'}"
    file = tiny_config(**{"baseline.kl_weight": 0.5})
    assert "'baseline.kl_weight' does nothing" in cli(f"--config={file}", workdir)[1]
    changed = "--config.method=transfergan", "--config.sources=nowhere"
    assert "no source 'nowhere'" in cli(f"--config={tiny_config()}", workdir, *changed)[1]


def test_fields_named_from_python_do_something(tmp_path, tiny_source, tiny_images):
    source, target = sources_and_target(tiny_source, tiny_images)
    with pytest.raises(InputError, match=r"'run\.train_steps' does nothing for method 'minegan'"):
        experiment.mine([source], target, workdir=tmp_path / "run", run={"train_steps": 3})
    assert not (tmp_path / "run").exists()


def sources_and_target(tiny_source, tiny_images):
    return sources.load_source(tiny_source), target_images.open_images(f"folder:{tiny_images}")


def test_a_fresh_critic_has_no_layers_to_keep(tiny_source):
    networks = sources.load_source(tiny_source).networks
    given = from_values({"game.critic": "fresh", "game.freeze_critic_layers": 1})
    with pytest.raises(InputError, match="a fresh critic's layers know nothing to keep"):
        load_sources.frozen(given, networks, is_fresh=True)


@pytest.mark.parametrize("method", used_fields.READ)
def test_a_record_holds_what_the_method_reads_and_comes_back(method):
    given = from_values({"method": method, "run.batch_size": 5, "miner.depth": 3})
    recorded = used_fields.record(given)
    assert config.flat(recorded).keys() == used_fields.READ[method]
    assert from_values(recorded).run.batch_size == 5
    assert ("miner" in recorded) == (method == "minegan")
