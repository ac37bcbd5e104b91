"""How long the largest published files take to convert, and in how much memory.

    PYTHONPATH=tests python benchmarks/convert.py --workdir=CONVERT [--out=docs/results/speed.json]

Random weights in the published layouts, through the commands that the README gives, pictures of
samples and all.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import published
import results

FILES = {"progan_genforce": published.progan_1024, "biggan_pytorch": published.biggan_128}


def main() -> None:
    """Writes the files, converts each and keeps the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    for name, write in FILES.items():
        flags = [f"--{flag}={file}" for flag, file in write(options.workdir).items()]
        with tempfile.TemporaryDirectory(dir=options.workdir) as out:
            command = [sys.executable, "-m", f"weights_conversion.{name}", *flags]
            start = time.perf_counter()
            subprocess.run([*command, f"--out={out}/source"], check=True)
            taken = time.perf_counter() - start
        # Of the commands so far: the smaller one comes first.
        peak = results.peak_gigabytes(resource.RUSAGE_CHILDREN)
        results.keep(options.out, f"convert {name}", {"seconds": taken, "gigabytes": peak})


if __name__ == "__main__":
    main()
