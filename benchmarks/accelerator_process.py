"""Runs some rows of `accelerator.py` in a process of their own; `accelerator.py` starts it."""

import argparse
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the checkout need not be installed

import accelerator_rows


def main() -> int:
    """Runs them; returns 1 if one failed, after which the rest needs a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--until", type=float, required=True)
    parser.add_argument("--rehearse", action="store_true")
    parser.add_argument("--photographs", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # none of them is worth a run
    rows = accelerator_rows.plan(
        tiny=options.rehearse,
        photographs=options.photographs,
        kept=options.out.parent / "photographs",
    )
    chosen = [row for row in rows if row.name in options.names]
    return 0 if accelerator_rows.run_rows(chosen, options.out, options.until) else 1


if __name__ == "__main__":
    sys.exit(main())
