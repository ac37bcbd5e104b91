"""Words and settings that say nothing that can be done: one line, and no run folder."""

import jax
import pytest

from minegan_jax.training import devices

pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")
FIELDS = {
    "seed=1": "did you mean 'target.seed' or 'run.seed'?",
    "mine_steps=3": "did you mean 'run.mine_steps'?",
    "run.mine_step=3": "did you mean 'mine_steps'?",
    "game.learningrate=1e-3": "did you mean 'learning_rate'?",
    "run=3": "flag --config.run=3",
    "run.=3": "expected names joined by dots",
    ".run=3": "expected names joined by dots",
    "=3": "expected names joined by dots",
    "run.mine_steps": "Missing value for flag --config.run.mine_steps",
    "run.mine_steps=": "--config.run.mine_steps=: invalid literal",
    "run.mine_steps=1e3": "invalid literal for int() with base 10: '1e3'",
    "run.mine_steps=-1": "'run.mine_steps': expected 0 or more, found -1",
    "run.batch_size=7": "batch_size 7 does not split evenly over 8 devices",
    "run.accumulation_steps=3": "in an accumulation of 3 parts",
    "run.seed=-1": "'run.seed': expected 0 to",
    "run.seed=99999999999": "'run.seed': expected 0 to",
    "game.learning_rate=nan": "expected more than 0.0, found nan",
    "game.learning_rate=inf": "expected more than 0.0, found inf",
    "game.learning_rate=-1": "expected more than 0.0, found -1.0",
    "game.learning_rate=1,0": "could not convert string to float: '1,0'",
    "game.learning_rate=fast": "could not convert string to float: 'fast'",
    "game.loss=bce": "expected wasserstein or hinge or logistic, found 'bce'",
    "game.augment=magic": "'game.augment': expected colour or translation or cutout",
    "game.ema_decay=1": "'game.ema_decay': expected",
    "game.freeze_critic_layers=99": "expected fewer than the critic's",
    "selector.exploration=2": "expected 0.0 to 1.0, found 2.0",
    "miner.depth=-1": "'miner.depth': expected 2 or more, found -1",
    "miner.width=0": "'miner.width': expected 1 or more",
    "classes=3": "which has 0: expected all, mean",
    "classes=some": "which has 0: expected all, mean",
    "method=": "unknown method ''",
    "method=MineGAN": "unknown method 'MineGAN'",
    "method=stylegan": "unknown method 'stylegan'",
    "network.family=progan": "'network.family' does nothing for method 'minegan'",
    "network.width=3": "'network.width' does nothing for method 'minegan'",
    "baseline.target_class=3": "'baseline.target_class' does nothing for method 'minegan'",
    "run.train_steps=3": "'run.train_steps' does nothing for method 'minegan'",
    "report.num_images=0": "'report.num_images': expected 2 or more",
    "report.neighbours=0": "'report.neighbours': expected 1 or more",
    "target.flip=maybe": "Non-boolean argument",
    "target.skip_unreadable=3": "Non-boolean argument",
    "target.colour=rgb": "expected as_is or convert, found 'rgb'",
    "target.fit=zoom": "expected crop or pad or squeeze, found 'zoom'",
    "target.max_images=0": "'target.max_images': expected 1 or more",
    "target.max_pixels=0": "'target.max_pixels': expected 1 or more",
    "target.num_held_out=-1": "'target.num_held_out': expected 0 or more",
    "target.num_validation=12": "are for validation: expected one to train on",
    "target.grey_range=nan,1": "'target.grey_range': expected",
    "target.ratios=0": "'target.ratios': expected more than 0.0",
    "target.labels=(0,": "Error while parsing string: (0, as tuple",
    "target.images.x=1": "there is no 'x' in",
    "sources.0=x": "expected names joined by dots",
    "target": "Missing value for flag --config.target",
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_that_means_nothing(field, refused, config_file):
    words = ("train", f"--config={config_file}", "--workdir=run", f"--config.{field}")
    assert FIELDS[field] in refused(*words)


WORDS = {
    "": "--workdir is missing",
    "trian": "unknown command 'trian': did you mean train?",
    "generate": "unknown command 'generate'",
    "train": "--workdir is missing",
    "train --workdir=run": "--config is missing",
    "train --workdir=run --config=mnits": "no config 'mnits'",
    "train --workdir=run --config=": "no config ''",
    "train --workdir=run --config=gone.py": "no config 'gone.py'",
    "train --workdir=run --config": "Missing value for flag --config",
    "train --workdir=run --config=table2_digits": "unknown config field",
    "train --config=mnist --config=sngan --workdir=run": "expected one --config, found",
    "train --config=mnist --workdir=a --workdir=b": "--workdir is given 2 times",
    "train --config=mnist -workdir=a --workdir=b": "--workdir is given 2 times",
    "train --config=mnist --workdir=run --config.run.seed=1 --config.run.seed=1": "given 2 times",
    "train --mode=sample --workdir=run": "--mode is given 2 times",
    "train --config=mnist --workdir run b": "unexpected argument 'b'",
    "train mnist --workdir=run": "unexpected argument 'mnist'",
    "train --config=mnist --workdri=run": "Unknown command line flag 'workdri'",
    "train --config=mnist --workdir=run --seed=3": "--seed does nothing with --mode=train",
    "train --config=mnist --workdir=run --resume=True": "Unknown command line flag 'resume'",
    "train --config=mnist --workdir=run --gpus=2": "Unknown command line flag 'gpus'",
    "train --config=mnist --workdir=run --num_processes=0": "not a positive integer",
    "train --config=mnist --workdir=run --host_timeout=0": "not a positive integer",
    "train --config=mnist --workdir=run --distributed=perhaps": "Non-boolean argument",
    "sample": "--out is missing",
    "sample --out=a.npz": "expected either --workdir or --adapter",
    "sample --workdir=a --adapter=b --out=a.npz": "expected either --workdir or --adapter",
    "sample --adapter=b --weights=raw --out=a.npz": "--weights: an adapter holds one set",
    "sample --workdir=run --out=a.npz --num_images=0": "not a positive integer",
    "sample --workdir=run --out=a.npz --num_images=many": "invalid literal for int()",
    "sample --workdir=run --out=a.npz --seed=-1": "not a non-negative integer",
    "sample --workdir=run --out=a.npz --seeds=a": "expected numbers, such as 0-63",
    "sample --workdir=run --out=a.npz --seeds=": "expected numbers, such as 0-63",
    "sample --workdir=run --out=a.npz --seeds=1.5": "expected numbers, such as 0-63",
    "sample --workdir=run --out=a.npz --weights=best": "value should be one of <ema|raw>",
    "sample --workdir=run --out=a.npz --truncation=x": "could not convert string to float",
    "sample --workdir=run --out=a.npz --config=mnist": "--config does nothing with --mode=sample",
    "sample --workdir=run --out=a.npz --trunc=0.7": "'trunc'",
    "evaluate": "--workdir is missing",
    "evaluate --workdir=run --num_images=x": "invalid literal for int()",
    "evaluate --workdir=run --phase=mine": "--phase does nothing with --mode=evaluate",
    "evaluate --workdir=run --metrics=fid50k": "Unknown command line flag 'metrics'",
    "evaluate --workdir=run --distributed": "takes one process",
    "compare --workdir=run": "--config is missing",
    "compare --config=table2_digits": "--workdir is missing",
    "compare --config=mnist --workdir=run": "expected one of a comparison",
    "compare --config=table2_digits:all --workdir=run": "expected one of",
    "compare --config=table2_digits --workdir=run --config.methods.GAN.x=1": "there is no 'GAN'",
    "compare --config=table2_digits --workdir=run --num_images=3": "does nothing with",
}


@pytest.mark.parametrize("words", WORDS)
def test_words_that_say_nothing_to_do(words, refused):
    assert WORDS[words] in refused(*words.split())


MACHINES = {
    "a GPU": ("dev/nvidia0", {}, "an NVIDIA GPU", "minegan_jax[cuda13]"),
    "a GPU behind Windows": ("dev/dxg", {}, "an NVIDIA GPU", "minegan_jax[cuda13]"),
    "a TPU": ("dev/accel0", {}, "a TPU", "minegan_jax[tpu]"),
    "a newer TPU": ("dev/vfio/0", {}, "a TPU", "minegan_jax[tpu]"),
    "a TPU by name": ("dev/null", {"TPU_ACCELERATOR_TYPE": "v5"}, "a TPU", "minegan_jax[tpu]"),
}
LARGE = jax.ShapeDtypeStruct((devices.LARGE,), float)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Makes the file system of a machine with such a device."""
    for name in ("JAX_PLATFORMS", *devices.ACCELERATORS["a TPU"][1]):
        monkeypatch.delenv(name, raising=False)

    def make(file):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).touch()
        return tmp_path

    return make


@pytest.mark.parametrize("device", MACHINES)
def test_a_cpu_beside_an_accelerator_is_said(device, machine, monkeypatch):
    file, variables, kind, extra = MACHINES[device]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    line = devices.unused_accelerator({"params": LARGE}, machine(file))
    assert f"this machine has {kind}" in line
    assert extra in line


def test_a_cpu_that_is_meant_is_not_said(machine, monkeypatch):
    root = machine("dev/nvidia0")
    assert not devices.unused_accelerator({"params": jax.ShapeDtypeStruct((3,), float)}, root)
    assert not devices.unused_accelerator({"params": LARGE}, root / "dev")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert not devices.unused_accelerator({"params": LARGE}, root)
