"""What `accelerator.py` checks and times: a line for each family, and one for each step."""

from collections.abc import Mapping
from typing import NamedTuple

from cases import BIGGAN_128, PROGAN_256, Arguments, Case


class Checked(NamedTuple):
    """A family whose numbers are checked, at a size at which the host's float64 takes seconds."""

    arguments: Arguments
    tiny: Arguments  # for a rehearsal
    critics_family: str = ""  # whose critic judges it; "" has its own


class Timed(NamedTuple):
    """A step that is timed, and how long its rows may take on one H100."""

    case: Case
    tiny: Case  # for a rehearsal
    seconds: float  # that our row is given, compiling included
    opponent: str = ""  # a module with its networks in PyTorch; "" where nobody wrote them


RGB = {"channels": 3, "num_classes": 10}
SMALL = {"resolution": 32, "width": 16, "latent_size": 64}
TINY = {"resolution": 8, "latent_size": 4}

CHECKED: Mapping[str, Checked] = {
    "dcgan": Checked(
        {"resolution": 28, "channels": 1, "width": 32, "latent_size": 16},
        {**TINY, "channels": 1, "width": 4},
    ),
    "dcgan_stack": Checked({**SMALL, "channels": 3}, {**TINY, "channels": 3, "width": 2}),
    "mobilestylegan": Checked(
        {**SMALL, "channels": 3}, {**TINY, "channels": 3, "width": 4}, critics_family="progan"
    ),
    "progan": Checked({**SMALL, "channels": 3}, {**TINY, "channels": 3, "width": 2}),
    "stylegan2": Checked(
        {**SMALL, "channels": 3, "mapping_layers": 4}, {**TINY, "channels": 3, "mapping_layers": 2}
    ),
    "sngan": Checked({**SMALL, **RGB}, {**TINY, **RGB, "width": 2}),
    "biggan": Checked(
        {**SMALL, **RGB, "attention": (2,), "critic_attention": (0,)},
        {**TINY, **RGB, "width": 2, "attention": (0,), "critic_attention": (0,)},
    ),
    "biggan_deep": Checked(
        {**SMALL, **RGB, "attention": 2, "blocks": ((1, 4, 4), (1, 4, 2), (1, 2, 1))},
        {**TINY, **RGB, "width": 4, "attention": 0, "blocks": ((1, 4, 2),)},
        critics_family="biggan",
    ),
}

MNIST = {"resolution": 28, "channels": 1, "width": 64, "latent_size": 16}
SNGAN_128 = {
    **{"resolution": 128, "channels": 3, "width": 64, "latent_size": 128, "num_classes": 1000}
}


def _tiny(family: str, num_sources: int = 1) -> Case:
    """Returns a step that is as small as one gets."""
    case = Case(family, CHECKED[family].tiny, part=4, num_sources=num_sources)
    return case._replace(miner_depth=2)


# The most telling first: where time runs out, the last are left out.
TIMED: Mapping[str, Timed] = {
    "mnist": Timed(
        Case("dcgan", MNIST, part=64, turns=5, miner_depth=2),
        Case("dcgan", {**MNIST, "width": 4}, part=4, turns=2, miner_depth=2),
        25.0,
        "torch_dcgan",
    ),
    "biggan_128": Timed(Case("biggan", BIGGAN_128, part=64), _tiny("biggan"), 75.0, "torch_biggan"),
    "progan_256": Timed(Case("progan", PROGAN_256, part=16), _tiny("progan"), 60.0, "torch_progan"),
    "sngan_128": Timed(Case("sngan", SNGAN_128, part=32), _tiny("sngan"), 50.0),
    "progan_256_x4": Timed(
        Case("progan", PROGAN_256, part=16, num_sources=4), _tiny("progan", num_sources=2), 90.0
    ),
}
