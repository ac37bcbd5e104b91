"""A network is found in whatever people wrap around it, or one line says what there is."""

import numpy as np
import pytest

from minegan_jax.errors import InputError
from weights_conversion import states

SIGN = ("linear.weight",)
NETWORK = {"linear.weight": np.ones((2, 3), "f4"), "blocks.0.bias": np.zeros(3, "f4")}
OTHER = {"embed.weight": np.ones((2, 3), "f4")}
AVERAGED = {name: array + 1 for name, array in NETWORK.items()}
OPTIMIZER = {
    "state": {0: {"exp_avg": np.ones(3)}, 1: {"exp_avg": np.ones(3)}},
    "param_groups": [{}],
}


def behind(prefix, network=NETWORK):
    """A network whose names begin with a prefix."""
    return {prefix + name: array for name, array in network.items()}


FOUND = {
    "as published": (NETWORK, {}),
    "DataParallel": (behind("module."), {}),
    "twice": (behind("module.module."), {}),
    "compiled": (behind("_orig_mod.module."), {}),
    "a part": (behind("generator."), {}),
    "a letter": (behind("G."), {}),
    "Chainer's": (behind("updater/model:opt_gen/"), {}),
    "generator and critic in one": ({**behind("G."), **behind("D.", OTHER)}, {}),
    "an average of weights": ({"n_averaged": np.array(7), **behind("module.")}, {}),
    "state_dict": ({"state_dict": NETWORK, "step": 3, "best": None}, {}),
    "state_dict of DataParallel": ({"state_dict": behind("module."), "optimizer": OPTIMIZER}, {}),
    "two levels": ({"model": {"G_ema": NETWORK}, "args": {"lr": 1}}, {}),
    "beside the other": ({"G": NETWORK, "D": OTHER, "optimizer": OPTIMIZER}, {}),
    "chosen": ({"G": AVERAGED, "G_ema": NETWORK, "D": OTHER}, {"key": "G_ema"}),
    "chosen by its last part": ({"m": {"G": AVERAGED, "G_ema": NETWORK}}, {"key": "G_ema"}),
    "chosen by all": ({"m": {"G": AVERAGED, "G_ema": NETWORK}}, {"key": "m.G_ema"}),
    "chosen by its first": ({"ema": {"G": NETWORK}, "raw": {"G": AVERAGED}}, {"key": "ema"}),
    "chosen by a prefix": ({**behind("G.", AVERAGED), **behind("G_ema.")}, {"key": "G_ema"}),
    "the usual one": ({"G": AVERAGED, "Gs": NETWORK}, {"usual": "Gs"}),
    "the usual one below a key": ({"models": {"G": AVERAGED, "Gs": NETWORK}}, {"usual": "Gs"}),
    "another than usual": ({"G": NETWORK, "Gs": AVERAGED}, {"usual": "Gs", "key": "G"}),
    "without the rest of the format": (behind("module."), {"usual": "Gs"}),
}


@pytest.mark.parametrize(("saved", "asked"), FOUND.values(), ids=FOUND)
def test_a_network_is_found(saved, asked):
    found = states.find(saved, SIGN, file="f.pth", **asked)
    assert found.keys() == NETWORK.keys()
    for name, array in NETWORK.items():
        np.testing.assert_array_equal(found[name], array)


SEVERAL = {"G": NETWORK, "G_ema": AVERAGED, "step": 3}
COMPLAINTS = {
    "several": (SEVERAL, {}, "expected one network, found G, G_ema: --key= chooses"),
    "no such key": (SEVERAL, {"key": "ema"}, "--key=ema: expected one of G, G_ema"),
    "a key of several": ({"m": SEVERAL}, {"key": "m"}, "--key=m: expected one of m.G, m.G_ema"),
    "no key is needed": (NETWORK, {"key": "G"}, "--key=G: expected one of arrays without a key"),
    "not the usual one": (SEVERAL, {"usual": "Gs"}, "expected Gs, found G, G_ema: --key="),
    "no arrays": ({"step": 3}, {}, "expected arrays by name, such as linear.weight, found none"),
    "a list": ([NETWORK], {}, "expected arrays by name"),
    "others": ({"a": OTHER, "b": OTHER}, {}, "expected one network, found a, b, none of them with"),
    "our own": ({"block0/conv/kernel": np.ones(3)}, {}, "already converted"),
}


@pytest.mark.parametrize(("saved", "asked", "said"), COMPLAINTS.values(), ids=COMPLAINTS)
def test_what_is_not_clear_is_one_line(saved, asked, said):
    with pytest.raises(InputError) as caught:
        states.find(saved, SIGN, file="f.pth", **asked)
    assert str(caught.value).startswith(f"f.pth: {said}")
    assert "\n" not in str(caught.value)


def test_a_damaged_network_is_left_to_its_converter():
    damaged = {"blocks.0.bias": np.zeros(3)}
    assert states.find(damaged, SIGN, file="f.pth") == damaged
    assert states.find({"G": damaged, "D": OTHER}, SIGN, file="f.pth", usual="G") == damaged


UNSIGNED = {
    "the only one": ({"netG_state_dict": OTHER, "step": 3}, {}),
    "chosen": ({"G": NETWORK, "D": OTHER}, {"key": "D"}),
}


@pytest.mark.parametrize(("saved", "asked"), UNSIGNED.values(), ids=UNSIGNED)
def test_a_network_without_a_sign_is_found(saved, asked):
    assert states.find_unsigned(saved, file="f.pth", **asked) == OTHER


UNSIGNED_COMPLAINTS = {
    "expected one network, found G, D": {"G": NETWORK, "D": OTHER},
    "expected arrays by name, such as 0.weight, found none": {"epoch": 3},
    "already converted": {"layer0/kernel": np.ones((2, 3), "f4")},
}


@pytest.mark.parametrize(("said", "saved"), UNSIGNED_COMPLAINTS.items(), ids=UNSIGNED_COMPLAINTS)
def test_several_networks_without_a_sign_are_named(said, saved):
    with pytest.raises(InputError, match=rf"f\.pth: {said}"):
        states.find_unsigned(saved, file="f.pth")
