"""`python -m minegan_jax`: the same as the command `minegan`."""

import sys

from minegan_jax.main import main

if __name__ == "__main__":
    sys.exit(main())
