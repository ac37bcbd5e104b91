"""The third part of `accelerator.py`: whole commands, as a user types them, timed."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from accelerator_right import Figures

ROOT = Path(__file__).parents[1]
LARGEST = 16 * 10**6  # bytes of a file that is brought back
# So few steps that only compiling counts.
SHORT = ("--config.report.num_images=20", "--config.run.sample_every_steps=0")


def run(config: str, workdir: Path, *flags: str) -> float:
    """Runs a config to its end; returns the seconds that it took.

    Raises:
      RuntimeError: it failed; says the last line that it printed.
    """
    command = [sys.executable, "-m", "minegan_jax.main", f"--config={config}"]
    start = time.perf_counter()
    done = subprocess.run(
        [*command, f"--workdir={workdir}", *flags], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise RuntimeError(f"{config}: exit status {done.returncode}: {last}")
    return time.perf_counter() - start


def digits(config: str, *, steps: Sequence[str], tiny: bool) -> Figures:
    """Mines digits, and says what the report does of each phase.

    Args:
      config: a packaged one.
      steps: fields that say how many steps there are; a rehearsal takes one of each.
      tiny: for a rehearsal.
    """
    short = (*(f"--config.run.{field}=1" for field in steps), *SHORT) if tiny else ()
    with tempfile.TemporaryDirectory() as folder:
        workdir = Path(folder) / "RUN"
        taken = run(config, workdir, *short)
        report = json.loads((workdir / "report.json").read_text())
    phases = report["phases"].items()
    recognised = {name: phase.get("recognised") for name, phase in phases}
    return {"seconds": taken, "recognised": recognised}


def photographs(folder: Path, kept: Path, *, num_steps: int) -> Figures:
    """Pretrains the photographs' BigGAN, and brings its source back.

    Args:
      folder: has a sub-folder of photographs for each class.
      kept: the folder for the source's files; none that is too large.
      num_steps: of training.
    """
    num_classes = sum(path.is_dir() for path in folder.iterdir())
    flags = (
        f"--config.target.images=folder:{folder.absolute()}",
        f"--config.run.train_steps={num_steps}",
    )
    with tempfile.TemporaryDirectory() as scratch:
        workdir = Path(scratch) / "SCENES"
        taken = run(f"bigGAN_photos_pretrain:{num_classes}", workdir, *flags)
        files = [path for path in (workdir / "source").iterdir() if path.stat().st_size <= LARGEST]
        kept.mkdir(parents=True, exist_ok=True)
        for path in files:
            shutil.copy(path, kept)
    return {"seconds": taken, "steps": num_steps, "kept": sorted(path.name for path in files)}
