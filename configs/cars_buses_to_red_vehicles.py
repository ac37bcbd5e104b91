"""Two ProGANs, LSUN cars and LSUN buses, and 200 red vehicles at 256 pixels (section 4.1, Fig. 7).

    minegan convert progan_genforce --checkpoint=pggan_car256.pth --out=weights/car
    minegan convert progan_genforce --checkpoint=pggan_bus256.pth --out=weights/bus
    python -m minegan_jax.main --config=configs/cars_buses_to_red_vehicles.py:0.3 --workdir=RUN

The argument is the share of cars. `photos/red_vehicles` is a folder with a sub-folder of buses and
one of cars, in this order of the alphabet. The paper's pictures are not public. With digits,
`mnist_two_sources.py:0.3` shows the same with what the package brings.

Table 1, for shares of cars of 0.3 / 0.5 / 0.7:

    FID: scratch                    190  / 185  / 196
         TransferGAN from cars      76.9 / 72.4 / 75.6
         TransferGAN from buses     72.8 / 71.3 / 73.5
         MineGAN (w/o FT)           67.3 / 65.9 / 65.8
         MineGAN                    61.2 / 59.4 / 61.5
    p of cars                       0.34 / 0.48 / 0.64
    p of buses                      0.66 / 0.52 / 0.36
"""

from ml_collections import ConfigDict

from minegan_jax.config import load_config


def get_config(share: str = "0.5") -> ConfigDict:
    """Returns the experiment for the share of cars in the target."""
    config = load_config("progan")
    config.sources = ("weights/car", "weights/bus")
    config.target.images = "folder:photos/red_vehicles"
    config.target.labels = (1, 0)
    config.target.ratios = (float(share), round(1.0 - float(share), 6))
    config.target.max_images = 200
    return config
