"""Images leave as an array, PNG files, a grid or a walk; by one seed or by several; truncated."""

import re
import sys
import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_sources
from PIL import Image

from minegan_jax import experiment
from minegan_jax.errors import InputError
from minegan_jax.mining.method import MinedSource
from minegan_jax.mining.noise import NoiseShape, truncated
from minegan_jax.sampling.generator import Generator, draw_noise, of_source
from minegan_jax.sources import load_source


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture
def sample(cli, tiny_run, tmp_path):
    """Samples from the tiny run into a path below an empty folder, which it returns."""

    def call(out, *flags):
        path = tmp_path / out
        given = f"{path}/" if out.endswith("/") else str(path)
        assert cli("--mode=sample", f"--workdir={tiny_run}", f"--out={given}", *flags) == (0, "")
        return path

    return call


@pytest.mark.parametrize("out", ["new/folder/", "folder"])
def test_a_folder_gets_a_file_for_each_image(out, sample, tiny_run):
    folder = sample(out, "--num_images=3", "--seed=7")
    names = [f"seed0007_{number:05d}.png" for number in range(3)]
    assert sorted(path.name for path in folder.iterdir()) == names
    found = np.stack([pixels(folder / name) for name in names])
    expected = experiment.open_run(tiny_run).sample(3, seed=7)
    np.testing.assert_array_equal(found, expected[..., 0])


def test_seeds_name_their_images(sample, tiny_run):
    folder = sample("images/", "--seeds=2,5-6")
    names = ["seed0002.png", "seed0005.png", "seed0006.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    expected = experiment.open_run(tiny_run).sample(1, seed=6)
    np.testing.assert_array_equal(pixels(folder / names[-1]), expected[0, ..., 0])
    images = np.load(sample("images.npz", "--seeds=2,5-6"))["images"]
    np.testing.assert_array_equal(images[2], expected[0])


def test_a_grid_and_a_walk(sample):
    assert pixels(sample("deep/grid.png", "--num_images=5")).shape == (2 * 10 + 2, 3 * 10 + 2)
    for name in ("walk.gif", "walk.webp"):
        with Image.open(sample(name, "--seed=3")) as walk:
            assert walk.n_frames > 24
            first = np.asarray(walk.convert("L"), int)
            walk.seek(12)
            assert np.abs(np.asarray(walk.convert("L"), int) - first).max() > 8
            assert walk.info["loop"] == 0


@pytest.fixture
def ffmpeg(tmp_path, monkeypatch):
    """Puts a program in the place of ffmpeg, which leaves what it was given or fails."""

    def replace(code):
        program = tmp_path / "bin" / "ffmpeg"
        program.parent.mkdir()
        program.write_text(f"#!{sys.executable}\nimport sys\n{code}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent))

    return replace


def test_a_video_is_left_to_ffmpeg(sample, ffmpeg):
    ffmpeg(
        "frames = sys.stdin.buffer.read()\n"
        "words = ' '.join(sys.argv[1:-1]).encode()\n"
        "open(sys.argv[-1], 'wb').write(words + b'|' + frames)"
    )
    words, frames = sample("walk.mp4", "--seed=3").read_bytes().split(b"|", 1)
    width, height = re.search(rb"-s (\d+)x(\d+) -framerate 12.5 -i - ", words).groups()
    shape = -1, int(height), int(width), 3
    steps = np.frombuffer(frames, np.uint8).reshape(shape)
    assert len(steps) == 2 * 24 - 2  # there and back
    assert np.abs(steps[12].astype(int) - steps[0]).max() > 8
    np.testing.assert_array_equal(steps[1], steps[-1])


def test_a_video_needs_ffmpeg(cli, ffmpeg, tiny_run, tmp_path, monkeypatch):
    words = "--mode=sample", f"--workdir={tiny_run}", f"--out={tmp_path / 'walk.mp4'}"
    ffmpeg("sys.exit('one\\nno such codec')")
    status, line = cli(*words)
    assert (status, line) == (2, "error: ffmpeg made no video: no such codec")
    monkeypatch.setenv("PATH", str(tmp_path))
    status, line = cli(*words)
    assert status == 2
    assert "walk.mp4: ffmpeg makes videos, found none: expected .gif or .webp" in line
    assert not (tmp_path / "walk.mp4").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--out=a.bmp"], "--out=a.bmp: expected a folder, or a file .npz, .png, .gif, .webp"),
        (["--out=a.npz", "--seeds=4-2"], "--seeds=4-2: expected 1 to 100000 seeds, in rising"),
        (["--out=a.npz", "--seeds=one"], "--seeds=one: expected numbers, such as 0-63"),
        (["--out=a.npz", "--seeds=0-99999999"], "expected 1 to 100000 seeds"),
        (["--out=a.npz", "--seeds=0-3", "--seed=2"], "--seed beside --seeds, which says both"),
        (["--out=a.npz", "--seeds=0-3", "--num_images=2"], "--num_images beside --seeds"),
        (["--out=a.npz", "--truncation=0"], "truncation 0.0: expected more than 0"),
    ],
)
def test_mistakes_are_one_line(flags, said, cli, tiny_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, line = cli("--mode=sample", f"--workdir={tiny_run}", *flags)
    assert status == 2
    assert said in line
    assert not list(tmp_path.glob("a.*"))


def test_truncated_latents_lie_within(tiny_source):
    source = load_source(tiny_source)
    generator = of_source(source, "all", resolution=8, channels=1)
    found = generator.sample(6, seed=1, truncation=0.5)
    key = jax.random.fold_in(jax.random.key(1), 0x5A)
    latents = truncated(draw_noise(key, np.arange(6), generator.sources[0].noise).latents, 0.5)
    assert np.abs(latents).max() <= 0.5
    expected = (np.asarray(source.generate(latents)) + 1.0) * 127.5
    np.testing.assert_allclose(found, expected, atol=0.51)


def test_a_family_with_statistics_takes_its_own_truncation(tmp_path):
    source = load_source(tiny_sources.save_source(tmp_path / "deep", "biggan_deep"))
    generator = of_source(source, "1", resolution=8, channels=3)
    noise = draw_noise(jax.random.key(0), np.arange(3), generator.sources[0].noise)
    found = generator.generate(0, noise, truncation=0.5)
    expected = source.generate(noise.latents, np.full(3, 1), truncation=0.5)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    with pytest.raises(InputError, match=r"truncation 1\.5: expected more than 0, at most 1"):
        generator.sample(1, truncation=1.5)


def test_samples_lie_in_memory_once():
    """Of 400 images of 64 kB, 26 MB, no second copy is made."""
    source = MinedSource(NoiseShape(2), lambda _, u: jnp.zeros((len(u.latents), 256, 256, 1)))
    generator = Generator(("a",), (source,), ({},), np.ones(1))
    generator.sample(1)
    tracemalloc.start()
    images = generator.sample(400)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.3 * images.nbytes
