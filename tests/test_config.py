"""The schema: what it takes, what it refuses, and that every packaged config is one."""

import dataclasses
import typing
from types import NoneType

import pytest
from ml_collections import ConfigDict

from minegan_jax import comparison, config
from minegan_jax.config import Config, default_config, from_config_dict, from_values
from minegan_jax.errors import InputError


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


@pytest.mark.parametrize("name", config.packaged())
def test_every_packaged_config_is_one(name):
    values = config.load_config(name)
    assert isinstance(values, ConfigDict)
    assert values.is_locked
    if comparison.is_comparison(values):
        assert comparison.from_config_dict(values).methods
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
        ("table2_digits:lnog", "expected one of rates, vae, long"),
        ("figure5_digits:lnog", "expected short or long"),
        ("several_digits:tow", "expected one of two, critics, pairs, ten, families"),
        ("bigGAN_places:allee", "expected alley, arch, art_gallery, auditorium, ballroom"),
    ],
)
def test_arguments_that_are_wrong_are_named(name, said):
    with pytest.raises(InputError, match=said):
        config.load_config(name)


@pytest.mark.parametrize("part", ["rates", "vae", "long"])
def test_parts_of_table_2_are_comparisons(part):
    runs = comparison.cells(
        comparison.from_config_dict(config.load_config(f"table2_digits:{part}")), {}
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
