"""Random weights in the layouts and sizes of published files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from weight_files import keys_of, zip_layout

SPREAD = 0.05  # standard deviation of the weights
POSITIVE = ("stored_var", "gain")  # ends of the names of arrays that are 1 here


def _arrays(keys: str, seed: int) -> dict[str, np.ndarray]:
    """Returns arrays of the names and shapes in a list of published keys."""
    rng = np.random.default_rng(seed)
    return {
        key: np.ones(like.shape, like.dtype)
        if key.endswith(POSITIVE)
        else np.asarray(SPREAD * rng.standard_normal(like.shape), like.dtype)
        for key, like in keys_of(keys).items()
    }


def _written(file: Path, content: Callable[[], bytes]) -> str:
    """Writes a file, if it is not there; returns its name."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content())
    return str(file)


def biggan_128(directory: Path) -> dict[str, str]:
    """Writes `G_ema.pth` and `D.pth` of width 96 and 1,000 classes; returns the command's flags."""
    files = {"generator": ("G_ema.pth", "G"), "critic": ("D.pth", "D")}
    return {
        network: _written(
            directory / name,
            lambda end=end: zip_layout(_arrays(f"biggan_pytorch_128_ch96_{end}", seed=ord(end))),
        )
        for network, (name, end) in files.items()
    }


def progan_1024(directory: Path) -> dict[str, str]:
    """Writes `pggan_celebahq1024.pth` in genforce's layout; returns the command's flags."""

    def content() -> bytes:
        generator = _arrays("genforce_pggan_1024_G", seed=0) | {"lod": np.zeros((), np.float32)}
        critic = _arrays("genforce_pggan_1024_D", seed=1) | {"lod": np.zeros((), np.float32)}
        return zip_layout({"generator_smooth": generator, "discriminator": critic})

    return {"checkpoint": _written(directory / "pggan_celebahq1024.pth", content)}
