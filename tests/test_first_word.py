"""`minegan WORD ...`: what to do as the first word, in the place of a flag."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

import minegan_jax
from minegan_jax import main, sources

# The config flag of ml_collections reads its file the old way.
pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")
CRITIC = Path(__file__).parent / "fixtures" / "sngan128" / "critic.npz"


def test_a_word_does_what_the_flag_does(cli, finished, tmp_path):
    sets = []
    for name, word in (("word", "sample"), ("flag", "--mode=sample")):
        out = tmp_path / f"{name}.npz"
        assert cli(word, f"--workdir={finished}", "--num_images=3", f"--out={out}") == (0, "")
        sets.append(np.load(out)["images"])
    np.testing.assert_array_equal(*sets)


MISTAKES = {
    ("trian",): "unknown command 'trian': did you mean train?",
    (
        "bake",
    ): "unknown command 'bake': expected one of train, sample, evaluate, compare, project, convert",
    ("train", "--mode=sample"): "--mode is given 2 times",
    ("train", "evaluate"): "unexpected argument 'evaluate'",
    ("evaluate", "--out=a"): "--out does nothing with --mode=evaluate",
    ("convert",): "convert: expected a format, one of biggan_pytorch",
    ("convert", "--out=a"): "convert: expected a format, one of biggan_pytorch",
    ("convert", "sngan"): "unknown format 'sngan': did you mean sngan_chainer?",
    ("convert", "command"): "unknown format 'command': expected one of",
}


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_a_mistake_is_one_line(words, cli):
    status, line = cli(*words)
    assert status == 2
    assert MISTAKES[words] in line


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_a_format_is_converted(monkeypatch, capsys, tmp_path):
    words = ["convert", "sngan_chainer", f"--critic={CRITIC}", f"--out={tmp_path / 'source'}"]
    monkeypatch.setattr(sys, "argv", ["minegan", *words])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 0
    assert "critic of sngan at 128x128" in capsys.readouterr().out
    assert sources.load_source(tmp_path / "source").critic


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_a_format_says_its_own_mistakes_and_flags(monkeypatch, capsys):
    for flag, status in (("--out=a", 2), ("--critic=gone --out=a", 2)):
        monkeypatch.setattr(sys, "argv", ["minegan", "convert", "sngan_chainer", *flag.split()])
        with pytest.raises(SystemExit) as ended:
            main.main()
        assert ended.value.code == status
        assert capsys.readouterr().err.startswith("error: ")


def test_the_package_is_a_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["minegan_jax", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("minegan_jax", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"minegan_jax {minegan_jax.__version__}\n"
