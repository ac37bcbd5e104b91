"""Files that stand where weights should: one line names what they are, and nothing is written."""

import gzip

import numpy as np
import pytest
from bad_inputs import NO_WEIGHTS, PROGRAMS, contents, write
from weight_files import zip_layout

# Converters are run as programs, also where another test has imported them.
pytestmark = pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
TORCH, PICKLE = "a file that PyTorch saved", "a pickle"
# A format -> its first flag, what it expects there, and other flags that it wants beside it.
FORMATS = {
    "biggan_pytorch": ("generator", TORCH, ()),
    "biggan_deep_hf": ("generator", TORCH, ("--config=config.json",)),
    "progan_tf": ("pickle", PICKLE, ()),
    "progan_genforce": ("checkpoint", TORCH, ()),
    "progan_gan_zoo": ("checkpoint", TORCH, ()),
    "sngan_chainer": ("generator", "an .npz file", ()),
    "stylegan2_nvidia": ("pickle", PICKLE, ()),
    "stylegan2_tf": ("pickle", PICKLE, ()),
    "stylegan2_rosinality": ("checkpoint", TORCH, ()),
    "mobilestylegan": ("wheel", "a wheel of random-face", ()),
    "dcgan_pytorch": ("generator", TORCH, ()),
    "dcgan_keras": ("generator", "an HDF5 file", ()),
    "inception_fid": ("checkpoint", TORCH, ()),
    "efficientnet_lite0": ("checkpoint", TORCH, ()),
    "lpips_vgg": ("trunk", TORCH, ("--heads=heads.pth",)),
}
STATE = zip_layout({"a.weight": np.ones((2, 2), "f4")})
CONFIG = '{"output_dim": 128}'


def refuse(refused, place, form, content):
    """Converts a file of this content; returns the line, and what was expected."""
    flag, expected, beside = FORMATS[form]
    write(place, {"given": content, "config.json": CONFIG, "heads.pth": STATE})
    out = "out.safetensors" if "lite0" in form or "fid" in form or "vgg" in form else "out"
    line = refused("convert", form, f"--{flag}=given", *beside, f"--out={place / out}")
    assert not (place / out).exists()
    return line, expected


@pytest.mark.parametrize("kind", NO_WEIGHTS)
@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_another_kind_is_named(form, kind, refused, tmp_path):
    line, expected = refuse(refused, tmp_path, form, NO_WEIGHTS[kind])
    assert line.startswith(f"error: given: expected {expected}")
    assert f"found {kind}" in line


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("form", FORMATS)
def test_a_program_is_not_run(form, program, refused, tmp_path):
    line, expected = refuse(refused, tmp_path, form, PROGRAMS[program])
    named = TORCH if program == "torch" else PICKLE
    said = "refused and not run: it asks for the name 'os.system'"
    assert said in line if expected == named else f"found {named}" in line


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_is_not_there(form, refused, tmp_path):
    flag, expected, beside = FORMATS[form]
    write(tmp_path, {"config.json": CONFIG, "heads.pth": STATE})
    out = f"--out={tmp_path / 'out.safetensors'}"
    for place, said in (("gone", "found no such file"), (".", "found a folder: name the file in")):
        line = refused("convert", form, f"--{flag}={place}", *beside, out)
        assert f"{place}: expected {expected}" in line
        assert said in line
    assert "found a URL" in refused("convert", form, f"--{flag}=https://host/a", *beside, out)
    assert "out" not in contents(tmp_path)


STATES = {
    "cut short": (STATE[:-40], "damaged: cut short"),
    "no arrays": (zip_layout({"epoch": 3}), "expected arrays by name"),
    "a list": (zip_layout([1, 2]), "expected arrays by name"),
    "another network": (STATE, ": "),
    "packed": (gzip.compress(STATE), "found a gzip archive: unpack it first"),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("form", [name for name, each in FORMATS.items() if each[1] == TORCH])
def test_a_state_that_does_not_fit(form, state, refused, tmp_path):
    content, said = STATES[state]
    line, _ = refuse(refused, tmp_path, form, content)
    assert said in line or "given: expected" in line


WORDS = {
    (): "convert: expected a format, one of biggan_pytorch",
    ("--generator=G.pth",): "convert: expected a format, one of biggan_pytorch",
    ("biggan",): "unknown format 'biggan': did you mean biggan_pytorch?",
    ("stylegan2_nvida",): "unknown format 'stylegan2_nvida': did you mean stylegan2_nvidia?",
    ("onnx",): "unknown format 'onnx'",
    ("biggan_pytorch",): "--out is missing",
    ("biggan_pytorch", "--out=gs://b/out"): "found a URL",
    ("biggan_pytorch", "--out=~no-such-user/out", "--critic=D.pth"): "no such home",
    ("biggan_pytorch", "--out=out"): "expected at least one of --generator, --critic",
    ("biggan_pytorch", "--gen=G.pth", "--out=out"): "gen",
    ("biggan_pytorch", "G.pth", "--out=out"): "unexpected argument 'G.pth'",
    ("biggan_pytorch", "--critic=a", "--critic=b", "--out=out"): "expected once, found 2 times",
    ("biggan_pytorch", "--critic=a", "--critic_key=D", "--out=out"): "--critic_key=D: expected",
    ("biggan_deep_hf", "--generator=G.bin", "--out=out"): "expected both --generator and --config",
    ("inception_fid", "--out=out.safetensors"): "expected --checkpoint",
    ("lpips_vgg", "--trunk=vgg16.pth", "--out=out.safetensors"): "expected --trunk and --heads",
    ("progan_tf", "--out=out"): "expected --pickle",
    ("stylegan2_nvidia", "--pickle=a.pkl", "--only=both", "--out=out"): "only",
    ("dcgan_pytorch", "--generator=a", "--out=out", "--truncation=1"): "truncation",
    ("dcgan_pytorch", "--generator=a", "--slope=x", "--out=out"): "slope",
}


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_words_that_say_no_conversion(words, refused):
    assert WORDS[words] in refused("convert", *words)
