"""A command leaves a source and a picture, or one line and status 2."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minegan_jax import sources
from weights_conversion import biggan_pytorch, command

FIXTURE = Path(__file__).parents[1] / "fixtures" / "biggan32"


@pytest.fixture
def convert(monkeypatch, capsys):
    """Runs the command of BigGAN-PyTorch; returns its status and what it printed and complained."""

    def run(*argv):
        monkeypatch.setattr(sys, "argv", ["convert", *map(str, argv)])
        status = command.main(biggan_pytorch.convert, biggan_pytorch.FLAGS)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_a_source_and_its_picture(convert, tmp_path):
    out = tmp_path / "out"
    flags = (f"--generator={FIXTURE / 'G_ema.pth'}", f"--critic={FIXTURE / 'D.pth'}")
    status, printed, complaint = convert(*flags, f"--out={out}")
    assert (status, complaint, printed.count("\n")) == (0, "", 1)
    assert "generator and critic of biggan at 32x32" in printed
    assert {file.name for file in out.iterdir()} == {
        *("generator.safetensors", "critic.safetensors", "source.json", "samples.png")
    }
    picture = np.asarray(Image.open(out / "samples.png"))
    assert picture.shape == (8 * 34 + 2, 8 * 34 + 2, 3)
    again = convert(*flags, f"--out={out}")
    assert again[0] == 2
    assert "expected a new directory, found a source" in again[2]


def test_classes_have_the_names_of_a_file(convert, tmp_path):
    names, flags = tmp_path / "names.txt", (f"--generator={FIXTURE / 'G_ema.pth'}",)
    num_classes = biggan_pytorch.convert(str(FIXTURE / "G_ema.pth")).arguments["num_classes"]
    names.write_text("\n".join(f"class {i}" for i in range(num_classes)) + "\n")
    status, _, _ = convert(*flags, f"--class_names={names}", f"--out={tmp_path / 'out'}")
    assert status == 0
    described = sources.load_source(tmp_path / "out").description
    assert described["class_names"] == [f"class {i}" for i in range(num_classes)]
    names.write_text("cock\n")
    status, _, complaint = convert(*flags, f"--class_names={names}", f"--out={tmp_path / 'more'}")
    assert status == 2
    assert f"expected {num_classes} names, one a line, found 1" in complaint


def test_a_critic_alone_has_no_picture(convert, tmp_path):
    status, printed, _ = convert(f"--critic={FIXTURE / 'D.pth'}", f"--out={tmp_path / 'out'}")
    assert status == 0
    assert "critic of biggan" in printed
    assert not (tmp_path / "out" / "samples.png").exists()
    assert not sources.load_source(tmp_path / "out").generator


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--generator=G_ema.pth"], "--out is missing"),
        (["--out=out"], "expected at least one of --generator, --critic"),
        (["--generator=gone.pth", "--out=out"], "gone.pth: expected a file that PyTorch saved"),
        (["--generatr=a", "--out=out"], "Did you mean: generator"),
        (["a", "--out=out"], "unexpected argument 'a'"),
        (["--generator=a", "--generator=b", "--out=out"], "--generator: expected once, found 2"),
        (["--generator=gs://b/G.pth", "--out=out"], "on this machine, found a URL"),
        (["--generator=a", "--out=gs://b/out"], "--out=gs://b/out: expected a path"),
        (["--generator=~nobody-at-all/G.pth", "--out=out"], "found no such home"),
        ([f"--critic={__file__}", "--out=out"], "another, damaged or shortened file"),
    ],
)
def test_a_mistake_is_one_line(argv, said, convert, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, printed, complaint = convert(*argv)
    assert (status, printed, complaint.count("\n")) == (2, "", 1)
    assert said in complaint
    assert not list(tmp_path.iterdir())


def test_the_home_is_known_behind_a_flag(convert, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert f"{tmp_path}/G.pth: expected a file" in convert("--generator=~/G.pth", "--out=out")[2]


@pytest.mark.parametrize(("largest", "shown"), [(4, 4), (8, 8), (128, 8)])
def test_large_images_are_shrunk(largest, shown, tiny_source, monkeypatch):
    monkeypatch.setattr(command, "LARGEST_CELL", largest)
    pictures = command.sample(sources.load_source(tiny_source))
    assert pictures.shape == (command.GRID**2, shown, shown, 1)


def test_commands_start_from_a_shell():
    root = Path(__file__).parents[2]
    arguments = [sys.executable, "-m", "weights_conversion.biggan_pytorch", "--out=never"]
    result = subprocess.run(arguments, cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("error: expected at least one of")
