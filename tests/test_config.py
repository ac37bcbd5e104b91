"""The schema: what it takes, what it refuses, and that every packaged config is one."""

import dataclasses
import typing
from types import NoneType

import pytest
from ml_collections import ConfigDict

from minegan_jax import config, ranges
from minegan_jax.config import Config, default_config, from_config_dict, from_values
from minegan_jax.errors import InputError
from minegan_jax.experiment import comparison_config


def is_a(value, expected):
    """Whether a value has exactly a field's declared type."""
    if typing.get_origin(expected) is tuple:
        item = typing.get_args(expected)[0]
        return type(value) is tuple and all(type(part) is item for part in value)
    return type(value) in (typing.get_args(expected) or (expected,))


@pytest.mark.parametrize("field", dataclasses.fields(Config), ids=lambda field: field.name)
def test_every_default_has_its_declared_type(field):
    assert is_a(getattr(Config(), field.name), typing.get_type_hints(Config)[field.name])


def test_defaults_survive_the_way_through_a_config_dict():
    assert from_config_dict(default_config()) == Config()


def test_a_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().seed = 1
    with pytest.raises(AttributeError, match='Did you mean "seed"'):
        default_config().sed = 1


OPTIONAL = [
    name for name, kind in typing.get_type_hints(Config).items()
    if NoneType in typing.get_args(kind)
]  # fmt: skip


@pytest.mark.parametrize("name", OPTIONAL)
def test_a_none_can_be_overridden(name):
    (kind,) = (k for k in typing.get_args(typing.get_type_hints(Config)[name]) if k is not NoneType)
    values = default_config()
    values[name] = kind(3)
    assert getattr(from_config_dict(values), name) == kind(3)
    assert from_values({name: None}) == Config()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"learning_rate": 1}, {"learning_rate": 1.0}),
        ({"labels": [3, 4]}, {"labels": (3, 4)}),
        ({"labels": 9}, {"labels": (9,)}),
        ({"labels": ("",)}, {"labels": ()}),
        ({"ratios": (1, 0.5)}, {"ratios": (1.0, 0.5)}),
        ({"sources": "a,b"}, {"sources": ("a", "b")}),
        ({"sources": ("a", "b,c")}, {"sources": ("a", "b", "c")}),
        ({"sources": "one"}, {"sources": ("one",)}),
        ({"exclude": ""}, {"exclude": None}),
    ],
)
def test_what_is_meant_is_understood(given, expected):
    assert from_values(given) == dataclasses.replace(Config(), **expected)
    (name,) = given
    assert is_a(getattr(from_values(given), name), typing.get_type_hints(Config)[name])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mine_step": 3}, "unknown config field 'mine_step': did you mean 'mine_steps'?"),
        ({"learningrate": 3}, "did you mean 'learning_rate'?"),
        ({"qqqq": 3}, "expected one of method, sources"),
        ({"mine_steps": "x"}, "'mine_steps': expected int, found 'x' (str)"),
        ({"mine_steps": 3.5}, "'mine_steps': expected int, found 3.5 (float)"),
        ({"mine_steps": True}, "'mine_steps': expected int, found True (bool)"),
        ({"mine_steps": None}, "'mine_steps': expected int, found None"),
        ({"flip": 1}, "'flip': expected bool, found 1 (int)"),
        ({"learning_rate": "fast"}, "'learning_rate': expected float, found 'fast'"),
        ({"max_images": 1.5}, "'max_images': expected int or NoneType, found 1.5"),
        ({"labels": ("nine",)}, "'labels': expected int, found 'nine'"),
        ({"target": 3}, "'target': expected str, found 3 (int)"),
    ],
)
def test_what_is_wrong_is_named(given, said):
    with pytest.raises(InputError) as caught:
        from_values(given)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def numbers_of(field):
    """Whether a field, or each part of it, is a number."""
    kind = typing.get_type_hints(Config)[field]
    return bool({int, float} & {kind, *typing.get_args(kind)})


NUMBERS = [name for name in config.FIELDS if numbers_of(name) and name != "labels"]


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_has_a_range_that_its_default_lies_in(name):
    assert (name in ranges.RANGES) != (name in ranges.ONE_OF)
    assert from_values({name: getattr(Config(), name)}) == Config()


OUTSIDE = {
    ranges.POSITIVE: (0.0, -1e-4),
    ranges.SHARE: (-0.1, 1.0000001, 7.0),
    ranges.DECAY: (-0.1, 1.0, 1.5),
    ranges.COUNT: (0, -3),
    ranges.COUNT_OR_NONE: (-1,),  # the same as NOT_NEGATIVE
    ranges.SEED: (-1, 2**32),
}
INSIDE = {
    ranges.POSITIVE: (1e-12, 5.0),
    ranges.SHARE: (0.0, 1.0),
    ranges.DECAY: (0.0, 0.9999999),
    ranges.COUNT: (1, 10**9),
    ranges.COUNT_OR_NONE: (0, 10**9),
    ranges.SEED: (0, 2**32 - 1),
}


@pytest.mark.parametrize("name", [n for n in NUMBERS if ranges.RANGES.get(n) in OUTSIDE])
def test_both_ends_of_every_range(name):
    allowed = ranges.RANGES[name]
    for value in INSIDE[allowed]:
        assert getattr(from_values({name: value}), name) == value
    for value in OUTSIDE[allowed]:
        with pytest.raises(InputError, match=f"{name!r}: expected {allowed}, found {value}"):
            from_values({name: value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", [n for n in NUMBERS if isinstance(getattr(Config(), n), float)])
def test_no_field_is_nan_or_infinite(name, value):
    with pytest.raises(InputError, match=f"{name!r}: expected .*, found {value}"):
        from_values({name: value})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ratios": (0.5, float("nan"))}, "expected more than 0.0, at most 1.0, found nan"),
        ({"ratios": (0.0, 1.0)}, "expected more than 0.0, at most 1.0, found 0.0"),
        ({"channels": 2}, "expected 1 or 3, found 2"),
        ({"miner_depth": 1}, "expected 2 or more, found 1"),
        ({"beta1": 1.5}, "expected 0.0 or more, less than 1.0, found 1.5"),
        ({"exploration": 7}, "expected 0.0 to 1.0, found 7.0"),
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
        ("mnist:3", "labels", (3,)),
        ("mnist_pretrain:01234", "labels", (0, 1, 2, 3, 4)),
        ("digits_classifier:judge", "seed", 1),
    ],
)
def test_arguments_reach_a_packaged_config(name, field, value):
    assert getattr(from_config_dict(config.load_config(name)), field) == value


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("table2_digits:lnog", "expected one of search, rates, bsa, vae, iterative, long"),
        ("figure5_digits:lnog", "expected short or long"),
        ("several_digits:tow", "expected one of two, critics, pairs, ten, families"),
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
