"""Paths that cannot be used: one line says which, and no folder of a strange name appears."""

import errno
import os

import pytest
import tiny_sources
from bad_inputs import POINTER, write

from minegan_jax.training import loop

pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")


@pytest.fixture
def place(tmp_path):
    """A folder with what paths may lead to: a file, links, other files, a source."""
    write(tmp_path / "photos", {"thesis.txt": "mine"})
    (tmp_path / "note").write_text("mine")
    os.symlink("loop", tmp_path / "loop")
    tiny_sources.save_source(tmp_path / "source", "dcgan", num_classes=0)
    return tmp_path


@pytest.fixture
def unmade(refused, place, config_file):
    """Trains the tiny config with some flags changed; returns the line."""

    def run(*flags):
        given = () if any(f.startswith("--workdir") for f in flags) else ("--workdir=run",)
        line = refused("train", f"--config={config_file}", *given, *flags)
        assert not (place / "run").exists()
        return line

    return run


WORKDIRS = {
    "": "'': expected a path, found none",
    "gs://bucket/run": "expected a local path, found a URL",
    "s3://bucket/run": "expected a local path, found a URL",
    "gs:/bucket/run": "expected a local path, found a URL",
    "~no-such-user/run": "there is no such home",
    "a\0b": "found a NUL in it",
    "note": "note: expected a new folder or one with config.json",
    "note/run": "note/run: expected to read or write there, found: Not a directory",
    "photos": "photos: expected a new folder or one with config.json, found other files",
    "source": "source: expected a new folder or one with config.json, found other files",
    "loop": "loop: expected to read or write there, found: ",
    "/dev/null": "/dev/null: expected a new folder",
    "/proc/nowhere/run": "/proc/nowhere: expected to read or write there, found: ",
    "a" * 300: "found: File name too long",
}


@pytest.mark.parametrize("workdir", WORKDIRS)
def test_where_no_run_can_be(workdir, unmade):
    assert WORKDIRS[workdir] in unmade(f"--workdir={workdir}")


FIELDS = {
    "sources=gone": "no source 'gone': expected a directory or one of",
    "sources=mnist_without_8": "no source 'mnist_without_8'",
    "sources=note": "no source 'note'",
    "sources=photos": "photos: expected a folder with source.json",
    "sources=source/source.json": "no source 'source/source.json'",
    "sources=source,gone": "no source 'gone'",
    "sources=,": "needs at least one source",
    "sources=a\nb": "no source 'a\\nb'",
    "sources=https://host/source": "expected a local path, found a URL",
    "sources=~no-such-user/source": "there is no such home",
    "game.critic=gone": "no critic 'gone'",
    "game.critic=Fresh": "no critic 'Fresh'",
    "game.critic=photos": "photos: expected a folder with source.json",
    "game.critic=gs://b/source": "expected a local path, found a URL",
    "report.features=classifier:gone": "gone: expected a folder with classifier.json",
    "report.features=classifier:source": "source: expected a folder with classifier.json",
    "report.features=classifier:": "unknown features 'classifier:'",
    "report.features=clean-fid:a": "unknown features 'clean-fid:a'",
    "report.features=classifier:~no-such-user/a": "there is no such home",
    "report.classifier=gone": "unknown features 'gone'",
    "report.diversity=lpips": "unknown diversity 'lpips': expected lpips:FILE",
    "report.diversity=lpips:gone": "gone: no such file",
    "report.diversity=lpips:s3://b/a": "expected a local path, found a URL",
}


@pytest.mark.parametrize("field", FIELDS)
def test_what_a_run_starts_from_is_not_there(field, unmade):
    assert FIELDS[field] in unmade(f"--config.{field}")


SOURCES = {
    "no description": ({"source.json": None}, "expected a folder with source.json"),
    "half a description": ({"source.json": b'{"format": 1'}, "source.json: damaged file"),
    "a list": ({"source.json": b"[]"}, "source.json: expected an object, found list"),
    "a newer one": ({"source.json": b'{"format": 99}'}, "written by a newer version"),
    "no family": ({"source.json": b'{"format": 1}'}, "expected a field 'family', found none"),
    "no generator": ({"generator.safetensors": None}, "found no generator.safetensors"),
    "no critic": ({"critic.safetensors": None}, "found no critic.safetensors"),
    "empty": ({"generator.safetensors": b""}, "damaged file: .*found an empty file"),
    "a pointer": ({"generator.safetensors": POINTER}, "found a pointer of Git LFS"),
    "a page": ({"critic.safetensors": b"<html>"}, "found a web page"),
}


@pytest.mark.parametrize("damage", SOURCES)
def test_a_source_that_is_damaged(damage, unmade, place):
    changes, said = SOURCES[damage]
    for name, content in changes.items():
        (place / "source" / name).unlink()
        if content is not None:
            (place / "source" / name).write_bytes(content)
    line = unmade("--config.sources=source")
    assert all(part in line for part in said.split(".*"))


OUTS = {
    "": "'': expected a path, found none",
    "gs://bucket/a.npz": "expected a local path, found a URL",
    "~no-such-user/a.npz": "there is no such home",
    "a\0.npz": "found a NUL in it",
    "a.jpg": "expected a folder, or a file .npz, .png, .gif, .webp",
    "a.avi": "expected a folder, or a file",
    "note/a.npz": "note: expected to read or write there, found: ",
    "/proc/nowhere/a.npz": "/proc/nowhere: expected to read or write there",
}


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("out", OUTS)
def test_where_no_samples_can_be(out, refused):
    assert OUTS[out] in refused("sample", "--workdir=gone", f"--out={out}")


RUNS = {
    "gone": "gone: expected a run folder with config.json, found none",
    "note": "note: expected a run folder",
    "photos": "photos: expected a run folder",
    "source": "source: expected a run folder",
    "gs://bucket/run": "expected a local path, found a URL",
    "~no-such-user/run": "there is no such home",
    "": "'': expected a path, found none",
}


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("mode", ["sample", "evaluate"])
@pytest.mark.parametrize("workdir", RUNS)
def test_where_no_run_is(workdir, mode, refused):
    out = ("--out=a.npz",) if mode == "sample" else ()
    assert RUNS[workdir] in refused(mode, f"--workdir={workdir}", *out)


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("adapter", ["gone", "note", "photos", "source"])
def test_where_no_adapter_is(adapter, refused):
    line = refused("sample", f"--adapter={adapter}", "--out=a.npz")
    assert f"{adapter}: expected a folder with adapter.json" in line


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("workdir", ["note", "photos"])
def test_a_comparison_goes_into_a_folder_of_its_own(workdir, refused):
    line = refused("compare", "--config=table2_digits", f"--workdir={workdir}")
    assert f"{workdir}: expected a new folder" in line


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EPERM, errno.ESTALE]
)
def test_a_disk_that_fails(number, refused, config_file, monkeypatch):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("minegan_jax.run_folder.create_or_check", fail)
    line = refused("train", f"--config={config_file}", "--workdir=run")
    assert f"the disk: expected to read or write there, found: {os.strerror(number)}" in line


@pytest.fixture
def begun(place, monkeypatch, config_file, cli):
    """The folder of a run that was cut before its first step."""

    class Cut(Exception):
        """Stands for a kill."""

    def cut(*_, **__):
        raise Cut

    monkeypatch.setattr(loop, "run", cut)
    monkeypatch.chdir(place)
    with pytest.raises(AssertionError):  # a traceback: it was killed
        cli(f"--config={config_file}", "--workdir=begun")
    return place / "begun"


CHANGES = {
    "run.seed=3": "config.run.seed is 0 there and 3 here",
    "run.mine_steps=4": "config.run.mine_steps is 3 there and 4 here",
    "run.finetune_steps=1": "config.run.finetune_steps is 2 there and 1 here",
    "run.batch_size=16": "config.run.batch_size is 8 there and 16 here",
    "miner.depth=3": "config.miner.depth is 2 there and 3 here",
    "target.num_held_out=3": "config.target.num_held_out is 4 there and 3 here",
    "target.flip=True": "config.target.flip is False there and True here",
    "method=transfergan": "config.method is 'minegan' there and 'transfergan' here",
    "sources=source": "it differs in: ",
}


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize("field", CHANGES)
def test_another_run_than_the_folders(field, refused, config_file):
    line = refused("train", f"--config={config_file}", "--workdir=begun", f"--config.{field}")
    assert "begun holds another run, nothing was changed" in line
    assert CHANGES[field] in line


UNTRAINED = {
    ("sample", "--out=a.npz"): "begun: expected a trained phase, found no checkpoint yet",
    ("sample", "--out=photos/a.png"): "found no checkpoint yet",
    ("sample", "--out=a.npz", "--phase=best"): "no phase 'best' in begun: expected mine, finetune",
    ("sample", "--out=a.npz", "--sources=gone"): "no source 'gone'",
    ("sample", "--out=a.npz", "--sources=source"): "begun: trained with sources",
    ("sample", "--out=begun", "--phase=source"): "a run folder: expected another one for images",
    ("evaluate",): "found no checkpoint yet",
    ("evaluate", "--sources=source"): "begun: trained with sources",
}


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize("words", UNTRAINED, ids=" ".join)
def test_a_run_without_a_checkpoint(words, refused):
    assert UNTRAINED[words] in refused(words[0], "--workdir=begun", *words[1:])
