"""A config whose weights or images are not there says what brings them, before anything is done."""

import importlib
import re

import pytest

from minegan_jax import config, main, sources
from minegan_jax.experiment import comparison_config, missing, used_fields

# The config flag of ml_collections reads its file the old way.
pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")
# What needs nothing that the package, or tensorflow-datasets by itself, does not bring.
READY = {
    *("bigGAN_digits", "bigGAN_digits_pretrain", "digits_classifier", "mnist", "mnist_pretrain"),
    "mnist_two_sources",
}
COMPARISONS = {
    name for name in config.packaged() if comparison_config.is_comparison(config.load_config(name))
}
NEEDS = sorted({*config.packaged()} - READY - COMPARISONS)


@pytest.fixture
def refused(monkeypatch, capsys, tmp_path):
    """Trains a config in an empty folder, which is refused; returns the lines of the answer."""
    monkeypatch.chdir(tmp_path)

    def train(*words):
        monkeypatch.setattr("sys.argv", ["minegan", "--workdir=RUN", *words])
        assert main.main() == 2
        assert not list(tmp_path.iterdir())
        return capsys.readouterr().err.splitlines()

    return train


@pytest.mark.parametrize("name", NEEDS)
def test_what_is_missing_is_said_in_a_few_lines(name, refused):
    first, *lines, last = refused(f"--config={name}")
    assert first == f"error: config {name} needs what is not here yet:"
    assert 1 <= len(lines) <= 8
    settings = config.from_config_dict(config.load_config(name))
    images = settings.target.images.partition(":")[2]
    (said,) = (line for line in lines if line.startswith(f"  {images} "))
    assert "images" in said or "folder" in said
    instead = re.fullmatch(r"  without it, .*: minegan train --config=(\S+) --workdir=RUN", last)
    assert instead[1].partition(":")[0] in READY
    config.load_config(instead[1])


@pytest.mark.parametrize("name", NEEDS)
def test_every_source_has_a_command_that_brings_it(name, refused):
    lines = refused(f"--config={name}")
    settings = config.from_config_dict(config.load_config(name))
    commands = [line.strip() for line in lines[:-1] if line.startswith("    ")]
    made = {missing.MADE.search(command)[2] for command in commands}
    if "sources" not in used_fields.READ[settings.method]:
        assert not made
    elif settings.sources:
        assert made == set(settings.sources)
    else:
        (given,) = re.findall(r"^  --config\.sources=(\S+):", "\n".join(lines), re.MULTILINE)[:1]
        assert {given, given.removesuffix("/source")} & made
    for command in filter(missing.CONVERSION.search, commands):
        kind, *flags = command.split()[2:]
        assert kind in main.FORMATS
        known = importlib.import_module(f"weights_conversion.{kind}").FLAGS
        assert {flag.partition("=")[0] for flag in flags} <= {"--out", *(f"--{n}" for n in known)}
        assert any("licence: " in line for line in lines)


@pytest.mark.parametrize("name", sorted(READY))
def test_what_the_package_brings_needs_nothing(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    settings = config.from_config_dict(config.load_config(name))
    missing.check(settings, settings, config.find(name))


def test_a_comparison_of_published_weights_names_them(refused):
    (line,) = refused("--mode=compare", "--config=faces_smiles")
    assert line.startswith("error: no source 'weights/fletcher': expected a directory or one of")


@pytest.mark.parametrize("name", sorted(COMPARISONS - {"faces_smiles"}))
def test_a_comparison_needs_nothing(name):
    compared = comparison_config.from_config_dict(config.load_config(name))
    there = {*sources.packaged_sources(), *compared.pretrained}
    for cell in comparison_config.cells(compared, {}):
        assert set(cell.config.sources) <= there
        assert cell.config.target.images.partition(":")[0] in ("digits", "tfds")


def test_what_a_user_names_is_checked_where_it_is_read(refused):
    given = "--config.sources=mnist_without_9", "--config.target.images=folder:gone"
    (line,) = refused("--config=bigGAN_places", *given)
    assert "gone: no such folder" in line


def test_what_is_there_is_not_asked_for(monkeypatch, capsys, tmp_path):
    (tmp_path / "photos" / "places").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["minegan", "--config=bigGAN_places", "--workdir=RUN"])
    assert main.main() == 2
    said = capsys.readouterr().err
    assert "--out=weights/biggan" in said
    assert "photos/places" not in said


def test_a_config_of_ones_own_need_not_say_anything(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("from minegan_jax.config import default_config as get_config\n")
    settings = config.from_values({"sources": ("gone",), "target.images": "folder:gone"})
    missing.check(settings, settings, str(file))
