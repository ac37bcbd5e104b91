"""Whether PyTorch opens what `--export` writes, and whether the networks are the published ones.

    PYTHONPATH=.:tests python benchmarks/way_back.py [--fixtures=tests/fixtures]

Small published files are converted and written back. PyTorch then reads each written file with
`weights_only=True`, as a whole and mapped into memory: every tensor has the bits of the published
one. The networks that the written files are converted to give the images that the published code
gave, where these are kept.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import stylegan2_files
import torch

from minegan_jax import sources
from weights_conversion import (
    biggan_pytorch,
    command,
    progan_gan_zoo,
    progan_genforce,
    reader,
    stylegan2_rosinality,
)

TRAINED = ".sv0"  # the ends of the names of arrays that training notes: they start anew
SAME = {"generator": "generator_smooth", "netG": "avgG", "g": "g_ema"}  # written twice: its average
TOLERANCE = 2e-5  # of the largest value, in single precision


class Case(NamedTuple):
    """Published files and what their networks should make."""

    convert: Callable[..., command.Converted]
    back: command.Back
    files: dict[str, Path]
    outputs: Path | None  # latents, images and, of some, labels


def cases(fixtures: Path, made: Path) -> dict[str, Case]:
    """Returns the files by format; `made` takes the one that is not kept."""
    (made / "rosinality.pt").write_bytes(stylegan2_files.small_rosinality())
    biggan, progan = fixtures / "biggan32", fixtures / "progan16"
    return {
        "biggan_pytorch": Case(
            biggan_pytorch.convert,
            biggan_pytorch.BACK,
            {"generator": biggan / "G_ema.pth", "critic": biggan / "D.pth"},
            biggan / "expected.npz",
        ),
        "progan_genforce": Case(
            progan_genforce.convert,
            progan_genforce.BACK,
            {"checkpoint": progan / "genforce.pth"},
            progan / "expected_official.npz",
        ),
        "progan_gan_zoo": Case(
            progan_gan_zoo.convert,
            progan_gan_zoo.BACK,
            {"checkpoint": progan / "gan_zoo.pth"},
            progan / "expected_gan_zoo.npz",
        ),
        "stylegan2_rosinality": Case(
            stylegan2_rosinality.convert,
            stylegan2_rosinality.BACK,
            {"checkpoint": made / "rosinality.pt"},
            None,
        ),
    }


def check(case: Case, folder: Path) -> tuple[int, float | None]:
    """Returns how many tensors came back, and how far the images are off, of the largest value."""
    given = {flag: str(file) for flag, file in case.files.items()}
    written = {flag: str(folder / f"{flag}.pth") for flag in given}
    command.write(case.convert(**given), folder / "source")
    case.back.write(str(folder / "source"), written)
    count = sum(compare(Path(given[flag]), Path(written[flag])) for flag in given)
    command.write(case.convert(**written), folder / "again")
    return count, images_off(folder / "again", case.outputs) if case.outputs else None


def compare(published: Path, written: Path) -> int:
    """Counts the tensors of a written file, all of which are those of the published one."""
    before = dict(tensors(reader.read_torch(published)))
    whole = dict(tensors(torch.load(written, weights_only=True)))
    mapped = dict(tensors(torch.load(written, weights_only=True, mmap=True)))
    for name, tensor in whole.items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, mapped[name])
        key, _, rest = name.partition(".")
        kept = f"{SAME[key]}.{rest}" if key in SAME and f"{SAME[key]}.{rest}" in before else name
        if kept in before and not name.endswith(TRAINED):
            np.testing.assert_array_equal(tensor.numpy(), before[kept])
    assert whole.keys() >= before.keys()
    return len(whole)


def tensors(saved: Any, start: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the tensors in dictionaries in dictionaries, by their keys with dots."""
    for key, value in saved.items():
        if isinstance(value, Mapping):
            yield from tensors(value, f"{start}{key}.")
        elif isinstance(value, torch.Tensor | np.ndarray):
            yield f"{start}{key}", value


def images_off(directory: Path, outputs: Path) -> float:
    """Returns how far a source's images are from the published code's, of the largest value."""
    expected = np.load(outputs)
    labels = (expected["labels"],) if "labels" in expected else ()
    images = np.asarray(sources.load_source(directory).generate(expected["latents"], *labels))
    return float(abs(images - expected["images"]).max() / abs(expected["images"]).max())


def main() -> None:
    """Checks every format."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fixtures", type=Path, default=Path("tests/fixtures"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        for name, case in cases(options.fixtures, Path(made)).items():
            count, off = check(case, Path(made) / name)
            assert off is None or off < TOLERANCE, (name, off)
            images = "no images to compare" if off is None else f"images off by {off:.1e}"
            print(f"{name}: {count} tensors, {images}")


if __name__ == "__main__":
    main()
