"""How long the largest published files take to convert, and in how much memory.

    PYTHONPATH=tests python benchmarks/convert.py --workdir=CONVERT

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

FILES = {"progan_genforce": published.progan_1024, "biggan_pytorch": published.biggan_128}


def main() -> None:
    """Writes the files, converts each and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workdir", type=Path, required=True)
    workdir = parser.parse_args().workdir
    for name, write in FILES.items():
        flags = [f"--{flag}={file}" for flag, file in write(workdir).items()]
        with tempfile.TemporaryDirectory(dir=workdir) as out:
            command = [sys.executable, "-m", f"weights_conversion.{name}", *flags]
            start = time.perf_counter()
            subprocess.run([*command, f"--out={out}/source"], check=True)
            taken = time.perf_counter() - start
        # Of the commands so far: the smaller one comes first.
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
        print(f"{name}: {taken:.1f} s, peak of memory {peak:.1f} GB", flush=True)


if __name__ == "__main__":
    main()
