"""Images that leave a run or an adapter: as one array, as PNG files, as a grid, as a walk."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from minegan_jax import run_folder
from minegan_jax.errors import InputError
from minegan_jax.experiment.run import open_run
from minegan_jax.files import as_path, write_atomically
from minegan_jax.report import image_grids
from minegan_jax.sampling.adapter import load_adapter
from minegan_jax.sampling.generator import Generator
from minegan_jax.sources import load_source
from minegan_jax.types import Pixels

SEEDS = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")  # 0-63, or 1,5,7-9
MOST_SEEDS = 100_000
WALKS, WALK_COLUMNS, WALK_STEPS = 8, 4, 24  # of an animation, there and back
MILLISECONDS = 80  # of each of its pictures
FFMPEG, VIDEO = "ffmpeg", ".mp4"


class Request(NamedTuple):
    """What is to be drawn."""

    num_images: int
    seed: int = 0
    seeds: tuple[int, ...] = ()  # the first image of each, in the place of `num_images` of one
    source: str | None = None  # to draw from alone
    truncation: float | None = None  # see `Generator.sample`


def write_samples(
    *,
    workdir: str | None,
    adapter: str | None,
    phase: str | None,
    weights: str | None,
    request: Request,
    out: str | None,
    sources: Sequence[str] = (),
) -> None:
    """Draws images from a run or an adapter, and writes them as the ending of `out` says.

    `.npz` gets one array, `images`; `.png` a grid; `.gif`, `.webp` and `.mp4` an animated latent
    walk; a folder gets a PNG file for each image, named by its seed.

    Raises:
      InputError: neither or both were given, the file's name is missing, or there are no such
        source, phase or weights.
    """
    if out is None:
        raise InputError(
            "--out is missing: expected a folder, or a file .npz, .png, .gif, .webp or .mp4"
        )
    path, write = as_path(out), _writer(out)
    path.parent.mkdir(parents=True, exist_ok=True)  # what cannot be written is better found now
    if (workdir is None) == (adapter is None):
        raise InputError("expected either --workdir or --adapter to sample from")
    if adapter is not None:
        if weights is not None:
            raise InputError("--weights: an adapter holds one set, which adapter.json names")
        generator = load_adapter(adapter, [load_source(name) for name in sources] or None)
    else:
        generator = open_run(str(workdir), sources).generator(phase, weights)
    write(generator, request, path)


def parse_seeds(text: str) -> tuple[int, ...]:
    """Turns `0-63` or `1,5,7-9` into numbers.

    Raises:
      InputError: it is neither, or there are too many.
    """
    if not SEEDS.fullmatch(text):
        raise InputError(f"--seeds={text}: expected numbers, such as 0-63 or 1,5,7-9")
    ends = [part.partition("-") for part in text.split(",")]
    ranges = [range(int(first), int(last or first) + 1) for first, _, last in ends]
    if sum(map(len, ranges)) > MOST_SEEDS or not all(ranges):
        raise InputError(f"--seeds={text}: expected 1 to {MOST_SEEDS} seeds, in rising order")
    return tuple(seed for each in ranges for seed in each)


def _writer(out: str) -> Callable[[Generator, Request, Path], None]:
    """Returns the writer of such a file."""
    path = as_path(out)
    if out.endswith("/") or path.is_dir() or not (path.suffix or path.exists()):
        return _write_folder
    if not path.suffix:  # a device or a pipe
        return _write_npz
    animated = dict.fromkeys((".gif", ".webp", VIDEO), _write_walk)
    writers = {".npz": _write_npz, ".png": _write_grid, **animated}
    if path.suffix.lower() == VIDEO and shutil.which(FFMPEG) is None:
        raise InputError(f"--out={out}: {FFMPEG} makes videos, found none: expected .gif or .webp")
    if path.suffix.lower() not in writers:
        raise InputError(f"--out={out}: expected a folder, or a file {', '.join(writers)}")
    return writers[path.suffix.lower()]


def _drawn(generator: Generator, request: Request) -> Pixels:
    """Returns the images of one seed, or the first image of each seed."""

    def draw(count: int, seed: int) -> Pixels:
        return generator.sample(count, seed, source=request.source, truncation=request.truncation)

    if not request.seeds:
        return draw(request.num_images, request.seed)
    return np.concatenate([draw(1, seed) for seed in request.seeds])


def _write_npz(generator: Generator, request: Request, path: Path) -> None:
    images = _drawn(generator, request)
    write_atomically(path, lambda file: np.savez_compressed(file, images=images))


def _write_grid(generator: Generator, request: Request, path: Path) -> None:
    images = _drawn(generator, request)
    columns = int(np.ceil(np.sqrt(len(images))))
    image_grids.save_png(path, image_grids.grid(images, columns=columns), magnify=1)


def _write_folder(generator: Generator, request: Request, path: Path) -> None:
    """Writes a PNG file for each image: its seed and, of several of one seed, its number."""
    if (path / run_folder.CONFIG).exists():
        raise InputError(f"--out={path}: a run folder: expected another one for images")
    path.mkdir(parents=True, exist_ok=True)
    for name, image in zip(_names(request), _drawn(generator, request), strict=True):
        image_grids.save_png(path / f"{name}.png", image, magnify=1)


def _names(request: Request) -> Iterator[str]:
    if request.seeds:
        return (f"seed{seed:04d}" for seed in request.seeds)
    return (f"seed{request.seed:04d}_{number:05d}" for number in range(request.num_images))


def _write_walk(generator: Generator, request: Request, path: Path) -> None:
    """Writes an animation of walks between latents, all at once, there and back."""
    walks = generator.walk(num_walks=WALKS, num_steps=WALK_STEPS, seed=request.seed)
    # (steps, walks, height, width, channels)
    steps = walks.reshape(WALKS, WALK_STEPS, *walks.shape[1:]).swapaxes(0, 1)
    sheets = [image_grids.as_picture(image_grids.grid(s, columns=WALK_COLUMNS)) for s in steps]
    first, *others = [*sheets, *sheets[-2:0:-1]]
    if path.suffix.lower() == VIDEO:
        write_atomically(path, _video([first, *others]))
        return
    given = {"save_all": True, "append_images": others, "duration": MILLISECONDS, "loop": 0}
    write_atomically(path, lambda file: first.save(file, path.suffix[1:].lower(), **given))


def _video(pictures: Sequence[Image.Image]) -> bytes:
    """Returns an MP4 of pictures of one size, an odd one with a black line more.

    Raises:
      InputError: ffmpeg cannot; its own last words.
    """
    width, height = pictures[0].size
    frames = b"".join(picture.convert("RGB").tobytes() for picture in pictures)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"video{VIDEO}"  # the format needs a file in which it can go back
        raw = f"-f rawvideo -pix_fmt rgb24 -s {width}x{height} -framerate {1000 / MILLISECONDS}"
        wanted = "-vf pad=ceil(iw/2)*2:ceil(ih/2)*2 -pix_fmt yuv420p"
        command = [
            FFMPEG,
            "-loglevel",
            "error",
            *raw.split(),
            "-i",
            "-",
            *wanted.split(),
            str(file),
        ]
        done = subprocess.run(command, input=frames, capture_output=True, check=False)
        if done.returncode or not file.is_file():
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise InputError(f"{FFMPEG} made no video: {said[-1] if said else 'it said nothing'}")
        return file.read_bytes()
