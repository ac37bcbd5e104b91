"""Four ProGANs, LSUN living rooms, kitchens, bridges and churches, and 200 towers (section 4.1).

    minegan convert progan_tf --out=weights/livingroom \
        --pickle=karras2018iclr-lsun-livingroom-256x256.pkl
    minegan convert progan_tf --out=weights/kitchen \
        --pickle=karras2018iclr-lsun-kitchen-256x256.pkl
    minegan convert progan_tf --out=weights/bridge \
        --pickle=karras2018iclr-lsun-bridge-256x256.pkl
    minegan convert progan_tf --out=weights/churchoutdoor \
        --pickle=karras2018iclr-lsun-churchoutdoor-256x256.pkl
    python -m minegan_jax.main --config=configs/rooms_bridge_church_to_tower.py --workdir=RUN

`photos/towers` is a folder of 200 images of 256 pixels or more. With digits,
`mnist_two_sources.py` shows the same with what the package brings. Table 1:

    FID: scratch                         176
         TransferGAN from living rooms   78.9
         TransferGAN from churches       73.8
         MineGAN (w/o FT)                69.2
         MineGAN                         62.4
    p of living rooms, kitchens          0.07, 0.06
    p of bridges, churches               0.42, 0.45
"""

from ml_collections import ConfigDict

from minegan_jax.config import load_config


def get_config() -> ConfigDict:
    """Returns the experiment."""
    config = load_config("cars_buses_to_red_vehicles")
    config.sources = tuple(
        f"weights/{room}" for room in ("livingroom", "kitchen", "bridge", "churchoutdoor")
    )
    config.target.images = "folder:photos/towers"
    config.target.labels = ()
    config.target.ratios = ()
    return config
