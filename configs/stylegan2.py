"""Any StyleGAN2, and a folder of your images, ten to a thousand (sections 3.2 and 3.4).

    minegan convert stylegan2_nvidia --pickle=stylegan2-ffhq-256x256.pkl --out=DIR
    minegan convert stylegan2_rosinality --checkpoint=550000.pt --out=DIR
    python -m minegan_jax.main --config=configs/stylegan2.py --workdir=RUN \
        --config.sources=DIR --config.target.images=folder:PHOTOS

Either command makes a source. `photos` is a folder of your images. With digits, `mnist.py` shows
the same with what the package brings.

The paper has no StyleGAN2; the authors' later code mines one, with gradients of the miner that are
never zeroed. From it come two layers, one critic turn, batches of 4, mirrored images, Adam's decay
rates 0 and 0.99, and 1,000 steps in which the generator is frozen. The loss is the one that a
StyleGAN2's critic was trained with: logistic, with R1 of gamma 10 in every 16th turn; with few
images its critic needs DiffAugment. The miner adds to u what it learns (`miner.start=residual`);
`--config.miner.space=w` puts it behind the mapping network, `w+` gives each layer's w its own.
Published FIDs of 100 images, from FFHQ at 256 pixels, all by others' readings of MineGAN on
StyleGAN (arXiv:2103.00397, table 5): Obama 50.6, grumpy cats 35.5, pandas 14.8.
"""

from ml_collections import ConfigDict

from minegan_jax.config import default_config


def get_config() -> ConfigDict:
    """Returns the recipe, without sources."""
    config = default_config()
    config.sources = ()
    config.target.images = "folder:photos"
    config.report.classifier = ""
    config.target.flip = True
    config.miner.depth = 2
    config.miner.width = 64
    config.miner.start = "residual"
    config.game.loss = "logistic"
    config.game.penalty_weight = 0.0
    config.game.r1_weight = 10.0
    config.game.augment = ("colour", "translation", "cutout")
    config.game.learning_rate = 5e-4
    config.miner.learning_rate = 2e-3
    config.game.critic_learning_rate = 2e-3
    config.game.beta1 = 0.0
    config.game.beta2 = 0.99
    config.game.critic_steps = 1
    config.run.batch_size = 4
    config.game.ema_decay = 0.998
    config.run.mine_steps = 1000
    config.run.finetune_steps = 2000
    config.report.num_images = 500
    return config
