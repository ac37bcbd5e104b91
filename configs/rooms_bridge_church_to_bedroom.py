"""Four ProGANs, LSUN living rooms, kitchens, bridges and churches, and 200 bedrooms (section 4.1).

    minegan convert progan_tf --out=weights/livingroom \
        --pickle=karras2018iclr-lsun-livingroom-256x256.pkl
    minegan convert progan_tf --out=weights/kitchen \
        --pickle=karras2018iclr-lsun-kitchen-256x256.pkl
    minegan convert progan_tf --out=weights/bridge \
        --pickle=karras2018iclr-lsun-bridge-256x256.pkl
    minegan convert progan_tf --out=weights/churchoutdoor \
        --pickle=karras2018iclr-lsun-churchoutdoor-256x256.pkl
    python -m minegan_jax.main --config=configs/rooms_bridge_church_to_bedroom.py --workdir=RUN

`photos/bedrooms` is a folder of 200 images of 256 pixels or more. With digits,
`mnist_two_sources.py` shows the same with what the package brings. Table 1:

    FID: scratch                         181
         TransferGAN from living rooms   65.4
         TransferGAN from churches       71.5
         MineGAN (w/o FT)                58.9
         MineGAN                         54.7
    p of living rooms, kitchens          0.45, 0.40
    p of bridges, churches               0.08, 0.07
"""

from ml_collections import ConfigDict

from minegan_jax.config import load_config


def get_config() -> ConfigDict:
    """Returns the experiment."""
    config = load_config("rooms_bridge_church_to_tower")
    config.target.images = "folder:photos/bedrooms"
    return config
