"""The schema: what it takes, what it refuses, and that every packaged config is one."""

import dataclasses
import typing
from types import NoneType

import pytest
from ml_collections import ConfigDict

from minegan_jax import config, setting
from minegan_jax.config import (
    FIELDS,
    Config,
    default_config,
    from_config_dict,
    from_values,
    value_of,
)
from minegan_jax.errors import InputError
from minegan_jax.experiment import comparison_config


def is_a(value, expected):
    """Whether a value has exactly a field's declared type."""
    if typing.get_origin(expected) is tuple:
        item = typing.get_args(expected)[0]
        kinds = typing.get_args(item) or (item,)
        return type(value) is tuple and all(type(part) in kinds for part in value)
    return type(value) in (typing.get_args(expected) or (expected,))


@pytest.mark.parametrize("path", FIELDS)
def test_every_default_has_its_declared_type(path):
    assert is_a(FIELDS[path].default, FIELDS[path].kind)
    assert value_of(Config(), path) == FIELDS[path].default


def test_defaults_survive_the_way_through_a_config_dict():
    assert from_config_dict(default_config()) == Config()


def test_a_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().method = "scratch"
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().run.seed = 1
    with pytest.raises(AttributeError, match='Did you mean "seed"'):
        default_config().run.sed = 1


OPTIONAL = [path for path, field in FIELDS.items() if NoneType in typing.get_args(field.kind)]


@pytest.mark.parametrize("path", OPTIONAL)
def test_a_none_can_be_overridden(path):
    (kind,) = (kind for kind in typing.get_args(FIELDS[path].kind) if kind is not NoneType)
    values = default_config()
    section, _, name = path.partition(".")
    values[section][name] = kind(3)
    assert value_of(from_config_dict(values), path) == kind(3)
    for nothing in (None, ""):
        assert value_of(from_values({path: nothing}), path) is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"game.learning_rate": 1}, {"game.learning_rate": 1.0}),
        ({"target.labels": [3, 4]}, {"target.labels": (3, 4)}),
        ({"target.labels": 9}, {"target.labels": (9,)}),
        ({"target.labels": ("",)}, {"target.labels": ()}),
        ({"target.labels": "cat,9"}, {"target.labels": ("cat", 9)}),
        ({"target.ratios": (1, 0.5)}, {"target.ratios": (1.0, 0.5)}),
        ({"sources": "a,b"}, {"sources": ("a", "b")}),
        ({"sources": ("a", "b,c")}, {"sources": ("a", "b", "c")}),
        ({"sources": "one"}, {"sources": ("one",)}),
        ({"target.exclude": ""}, {"target.exclude": None}),
    ],
)
def test_what_is_meant_is_understood(given, expected):
    ((path, value),) = expected.items()
    assert value_of(from_values(given), path) == value
    assert is_a(value_of(from_values(given), path), FIELDS[path].kind)
    assert from_values(given) == from_values(config.nested(given)) == from_values(expected)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"run.mine_step": 3}, "config field 'run.mine_step': did you mean 'run.mine_steps'?"),
        ({"mine_steps": 3}, "unknown config field 'mine_steps': did you mean 'run.mine_steps'?"),
        ({"game.mine_steps": 3}, "did you mean 'run.mine_steps'?"),
        ({"mine_step": 3}, "did you mean 'run.mine_steps'?"),
        ({"width": 3}, "did you mean 'miner.width' or 'network.width'?"),
        ({"run": {"mine_step": 3}}, "did you mean 'run.mine_steps'?"),
        ({"run": 3}, "config field 'run': expected fields of a section, found 3"),
        ({"qqqq": 3}, "expected one of method, sources"),
        ({"run.mine_steps": "x"}, "'run.mine_steps': expected int, found 'x' (str)"),
        ({"run.mine_steps": 3.5}, "'run.mine_steps': expected int, found 3.5 (float)"),
        ({"run.mine_steps": True}, "'run.mine_steps': expected int, found True (bool)"),
        ({"run.mine_steps": None}, "'run.mine_steps': expected int, found None"),
        ({"target.flip": 1}, "'target.flip': expected bool, found 1 (int)"),
        ({"game.learning_rate": "fast"}, "'game.learning_rate': expected float, found 'fast'"),
        ({"target.max_images": 1.5}, "'target.max_images': expected int or None, found 1.5"),
        ({"target.labels": (9.5,)}, "'target.labels': expected int or str, found 9.5 (float)"),
        ({"target.images": 3}, "'target.images': expected str, found 3 (int)"),
    ],
)
def test_what_is_wrong_is_named(given, said):
    with pytest.raises(InputError) as caught:
        from_values(given)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def is_number(path):
    """Whether a field, or each part of it, is a number."""
    kind = FIELDS[path].kind
    return bool({int, float} & {kind, *typing.get_args(kind)})


def allowed(path):
    """Which values a field may have."""
    return FIELDS[path].metadata["allowed"]


NUMBERS = [path for path in FIELDS if is_number(path) and path != "target.labels"]


@pytest.mark.parametrize("path", NUMBERS)
def test_every_number_has_a_range_that_its_default_lies_in(path):
    assert allowed(path) is not None
    assert from_values({path: FIELDS[path].default}) == Config()


@pytest.mark.parametrize("path", FIELDS)
def test_every_field_says_what_it_is(path):
    assert len(FIELDS[path].metadata["meaning"]) > 5
    assert f"--config.{path}=" in config.in_words()


OUTSIDE = {
    setting.POSITIVE: (0.0, -1e-4),
    setting.SHARE: (-0.1, 1.0000001, 7.0),
    setting.DECAY: (-0.1, 1.0, 1.5),
    setting.COUNT: (0, -3),
    setting.COUNT_OR_NONE: (-1,),  # the same as NOT_NEGATIVE
    setting.SEED: (-1, 2**32),
}
INSIDE = {
    setting.POSITIVE: (1e-12, 5.0),
    setting.SHARE: (0.0, 1.0),
    setting.DECAY: (0.0, 0.9999999),
    setting.COUNT: (1, 10**9),
    setting.COUNT_OR_NONE: (0, 10**9),
    setting.SEED: (0, 2**32 - 1),
}


SINGLE = [
    path
    for path in NUMBERS
    if allowed(path) in OUTSIDE and not isinstance(FIELDS[path].default, tuple)
]


@pytest.mark.parametrize("path", SINGLE)
def test_both_ends_of_every_range(path):
    for value in INSIDE[allowed(path)]:
        assert value_of(from_values({path: value}), path) == value
    for value in OUTSIDE[allowed(path)]:
        with pytest.raises(InputError, match=f"{path!r}: expected {allowed(path)}, found {value}"):
            from_values({path: value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("path", [path for path in NUMBERS if FIELDS[path].kind is float])
def test_no_field_is_nan_or_infinite(path, value):
    with pytest.raises(InputError, match=f"{path!r}: expected .*, found {value}"):
        from_values({path: value})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"target.ratios": (0.5, float("nan"))}, "expected more than 0.0, at most 1.0, found nan"),
        ({"target.ratios": (0.0, 1.0)}, "expected more than 0.0, at most 1.0, found 0.0"),
        ({"target.box": (0.0, 0.0, 1.5, 1.0)}, "expected 0.0 to 1.0, found 1.5"),
        ({"network.channels": 2}, "expected 1 or 3, found 2"),
        ({"miner.depth": 1}, "expected 2 or more, found 1"),
        ({"game.beta1": 1.5}, "expected 0.0 or more, less than 1.0, found 1.5"),
        ({"selector.exploration": 7}, "expected 0.0 to 1.0, found 7.0"),
    ],
)
def test_what_a_range_says(given, said):
    with pytest.raises(InputError) as caught:
        from_values(given)
    assert str(caught.value).endswith(said)


@pytest.mark.parametrize("name", config.packaged())
def test_every_packaged_config_is_one(name):
    values = config.load_config(name)
    assert isinstance(values, ConfigDict)
    assert values.is_locked
    if comparison_config.is_comparison(values):
        assert comparison_config.from_config_dict(values).methods
    else:
        assert from_config_dict(values) != Config()
    assert f"--config=configs/{name}.py" in (config.PACKAGED / f"{name}.py").read_text()


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("mnist:3", "target.labels", (3,)),
        ("mnist_pretrain:01234", "target.labels", (0, 1, 2, 3, 4)),
        ("digits_classifier:judge", "run.seed", 1),
    ],
)
def test_arguments_reach_a_packaged_config(name, field, value):
    assert value_of(from_config_dict(config.load_config(name)), field) == value


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("table2_digits:lnog", "expected one of search, rates, bsa, vae, iterative, long"),
        ("figure5_digits:lnog", "expected one of short, rates, long, long_rates"),
        ("several_digits:tow", "expected one of two, rates, critics, pairs, ten, families"),
        ("bigGAN_places:allee", "expected alley, arch, art_gallery, auditorium, ballroom"),
    ],
)
def test_arguments_that_are_wrong_are_named(name, said):
    with pytest.raises(InputError, match=said):
        config.load_config(name)


@pytest.mark.parametrize("part", ["search", "rates", "bsa", "vae", "iterative", "long"])
def test_parts_of_table_2_are_comparisons(part):
    runs = comparison_config.cells(
        comparison_config.from_config_dict(config.load_config(f"table2_digits:{part}")), {}
    )
    assert len({run.folder for run in runs}) > 1


def test_names_and_files_are_found(tmp_path):
    packaged = config.PACKAGED / "mnist.py"
    assert config.find("mnist") == f"{packaged}"
    assert config.find("mnist:7") == f"{packaged}:7"
    assert config.find(f"{packaged}:7") == f"{packaged}:7"
    mine = tmp_path / "mine.py"
    mine.write_text(packaged.read_text())
    assert config.find(f"{mine}") == f"{mine}"
    for name in ("mnits", f"{tmp_path}/other.py"):
        with pytest.raises(InputError, match=r"a file or one of .*mnist, mnist_pretrain"):
            config.find(name)
