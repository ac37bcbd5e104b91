"""JAX made strict and quick for tests, and the smallest source, images and run that will do."""

import os
import shutil
import sys
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

# All of these are read when JAX is first imported.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "8")
CACHE = Path.home() / ".cache" / "minegan_jax" / "tests"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
# A third of the time that XLA takes to compile goes to these. Later versions have no choice.
if version("jaxlib").startswith("0.10."):
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")

import jax
import numpy as np
import pytest
from bad_inputs import contents
from hypothesis import settings
from PIL import Image

from minegan_jax import config, experiment, main, sources, weights
from minegan_jax.nets import family

jax.config.update("jax_numpy_rank_promotion", "raise")

# Every run of the tests takes the same examples; `pytest --hypothesis-profile=search` takes many
# new ones. No example of a few bytes or pixels may take this long, on the slowest machine.
DEADLINE = timedelta(seconds=20)
settings.register_profile(
    "repeat", derandomize=True, database=None, deadline=DEADLINE, max_examples=100
)
settings.register_profile("search", deadline=DEADLINE, max_examples=5000, print_blob=True)
settings.load_profile("repeat")

NETWORKS = {"resolution": 8, "channels": 1, "width": 4, "latent_size": 4}

# Files that train, or compile large networks: `pytest -m "not slow"` has them too, and starts with
# them; `pytest` alone leaves them out.
LONG = [
    *("accelerator", "accumulation", "activation_runs", "api", "assets", "auto_config_runs"),
    *("batch_statistics", "batch_statistics_runs", "biggan_deep_hf", "biggan_pytorch", "classes"),
    *("cli", "cli_runs", "commands", "compare", "copying", "critic_view", "devices"),
    *("early_stopping", "efficientnet_lite", "ema", "evaluation", "export", "families"),
    *("family_runs", "fid", "first_steps", "first_word", "from_a_run", "frozen_critic"),
    *(
        "full_float32",
        "hosts",
        "kill",
        "lpips",
        "minimal_example",
        "notebook",
        "precision",
        "progan",
    ),
    *("projection", "reports", "resume", "run_folder", "samples", "several_sources"),
    *("sources_and_adapters", "spaces", "stylegan2_files", "targets", "vae", "verdict"),
]


def pytest_collection_modifyitems(config, items):
    """Leaves out what takes minutes, unless marks or files are named; puts long files first."""
    for item in items:
        if item.path.stem.removeprefix("test_") in LONG:
            item.add_marker("long")
    if not config.option.markexpr:
        named = {Path(argument.partition("::")[0]).resolve() for argument in config.args}
        left = [item for item in items if item.get_closest_marker("slow") or is_left(item, named)]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def is_left(item, named):
    """Says whether a test is of a long file that nobody named."""
    return item.get_closest_marker("long") is not None and item.path not in named


@pytest.fixture(scope="session")
def make_source():
    """Writes a source of fresh weights that `load_source` can read; returns its directory."""

    def make(directory, *, seed=0, **arguments):
        arguments = {**NETWORKS, **arguments}
        generator, critic = family.build("dcgan", arguments).init(jax.random.key(seed))
        description = {"name": directory.name, "family": "dcgan", "arguments": arguments}
        half = weights.cast({"generator": generator, "critic": critic}, "float16")
        sources.save_source(directory, half, description)
        return directory

    return make


@pytest.fixture(scope="session")
def tiny_source(tmp_path_factory, make_source):
    """The directory of a source of 8x8 grey images."""
    return make_source(tmp_path_factory.mktemp("sources") / "tiny")


@pytest.fixture(scope="session")
def tiny_images(tmp_path_factory):
    """A folder of 12 grey 8x8 images."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for number, pixels in enumerate(rng.integers(0, 256, (12, 8, 8), np.uint8)):
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="session")
def tiny_fields(tiny_source, tiny_images):
    """Fields of `Config` for a run that is as small as one gets."""
    return {
        "sources": (str(tiny_source),),
        "target.images": f"folder:{tiny_images}",
        "target.num_held_out": 4,
        "miner.depth": 2,
        "miner.width": 8,
        "run.mine_steps": 3,
        "run.finetune_steps": 2,
        "run.batch_size": 8,
        "game.critic_steps": 1,
        "game.learning_rate": 0.01,  # so that a few steps change every pixel
        "miner.learning_rate": 0.01,
        "game.ema_decay": 0.5,
        "run.log_every_steps": 1,
        "run.sample_every_steps": 0,
        "run.checkpoint_every_steps": 1,
        "report.num_images": 40,
    }


@pytest.fixture(scope="session")
def tiny_config(tmp_path_factory, tiny_fields):
    """Writes the file of a config for a tiny run, with other fields; returns it."""

    def write(**fields):
        file = tmp_path_factory.mktemp("config") / "tiny.py"
        file.write_text(
            "from minegan_jax.config import default_config\n\n\n"
            "def get_config():\n"
            "    config = default_config()\n"
            f"    config.update({config.nested({**tiny_fields, **fields})!r})\n"
            "    return config\n"
        )
        return file

    return write


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory, tiny_fields):
    """The folder of a finished run; copy it before changing it."""
    workdir = tmp_path_factory.mktemp("runs") / "tiny"
    experiment.train(config.from_values(tiny_fields), workdir)
    return workdir


@pytest.fixture
def count_flops():
    """Counts the operations of a compiled function; what nobody uses XLA has dropped."""

    def count(function, *arguments, **named):
        return jax.jit(function).lower(*arguments, **named).compile().cost_analysis()["flops"]

    quick = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    yield count
    jax.config.update("jax_disable_most_optimizations", quick)


@pytest.fixture
def config_file(tiny_config):
    """A config file of the tiny run."""
    return tiny_config()


@pytest.fixture
def cli(monkeypatch, capsys):
    """Runs the command line; returns its exit status and the last line that it printed."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["minegan_jax", *map(str, arguments)])
        status = main.main()
        shown = capsys.readouterr().err
        # A progress bar rewrites its line.
        lines = [line for line in shown.replace("\r", "\n").splitlines() if line.strip()]
        assert not any("Traceback" in line for line in lines)
        if status == 0:
            return status, ""
        errors = [line for line in lines if line.startswith("error: ")]
        assert errors == lines[-1:]
        return status, errors[0]

    return run


@pytest.fixture
def refused(monkeypatch, capsys, tmp_path):
    """Gives the command line what it must refuse in one line, with nothing changed below the test's
    folder, in which it runs; returns the line.
    """
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        before = contents(tmp_path)
        monkeypatch.setattr(sys, "argv", ["minegan", *map(str, arguments)])
        try:
            status = main.main()
        except SystemExit as end:  # a converter ends its process
            status = end.code
        lines = capsys.readouterr().err.splitlines()
        assert (status, len(lines)) == (2, 1), lines
        assert lines[0].startswith("error: ")
        assert contents(tmp_path) == before
        return lines[0]

    return run


@pytest.fixture
def train(cli, config_file, tmp_path):
    """Trains the tiny config with some flags changed."""
    return lambda *flags: cli(f"--config={config_file}", f"--workdir={tmp_path / 'run'}", *flags)


@pytest.fixture
def finished(tmp_path, tiny_run):
    """A copy of a finished run that a test may change."""
    return shutil.copytree(tiny_run, tmp_path / "finished")


@pytest.fixture
def cut(tmp_path):
    """Cuts a copy of a run before the checkpoint of a phase's last step; returns it, resumed."""

    def resumed(run, phase, step):
        copy = shutil.copytree(run.workdir, tmp_path / "cut")
        shutil.rmtree(copy / "checkpoints" / phase / str(step))
        return experiment.train(run.experiment.config, copy)

    return resumed
