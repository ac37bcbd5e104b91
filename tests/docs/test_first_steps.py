"""Every config, with each argument that is documented, gets to its first step.

Sources have the shapes of the published ones, and no weights.
"""

import re
from pathlib import Path

import first_steps
import jax
import pytest

from minegan_jax import config
from minegan_jax.experiment import comparison_config

ROOT = Path(__file__).parents[2]
# The arguments of each config; "" is none.
ARGUMENTS = {
    "bigGAN_digits": ("", "7", "9"),
    "bigGAN_digits_pretrain": ("", "10"),
    "bigGAN_imagenet": ("", "broccoli", "cock", "fire_engine", "harvester", "tape_player"),
    "bigGAN_photos": ("",),
    "bigGAN_photos_pretrain": ("", "4"),
    "bigGAN_places": ("", "alley", "arch", "art_gallery", "auditorium", "ballroom"),
    "biggan": ("",),
    "cars_buses_to_red_vehicles": ("", "0.3", "0.7"),
    "celeba_to_ffhq_children": ("", "100"),
    "celeba_to_ffhq_women": ("", "50", "100"),
    "dcgan": ("",),
    "digits_classifier": ("", "features", "judge", "guide"),
    "faces": ("", "generateme", "random_face", "fletcher", "efleurine", "fletcher+anigan+svhn"),
    "ffhq_to_10_shot": ("", "babies", "sunglasses", "sketches"),
    "ffhq_to_100_shot": ("", "obama", "grumpy_cat", "panda", "cat", "dog"),
    "faces_smiles": ("", "fletcher", "efleurine", "generateme"),
    "figure2_digits": ("",),
    "figure3_digits": ("",),
    "figure5_digits": ("", "short", "rates", "long", "long_rates"),
    "imagenet_to_anime_25": ("",),
    "imagenet_to_ffhq_25": ("",),
    "mnist": ("", "7", "9"),
    "mnist_pretrain": ("", "01234", "56789"),
    "mnist_two_sources": ("", "0.3", "0.7"),
    "progan": ("",),
    "rooms_bridge_church_to_bedroom": ("",),
    "rooms_bridge_church_to_tower": ("",),
    "several_digits": ("", "two", "rates", "critics", "pairs", "ten", "families"),
    "smiles_classifier": ("",),
    "sngan": ("",),
    "stylegan2": ("",),
    "table1_digits": ("",),
    "table2_digits": ("", "search", "rates", "bsa", "vae", "iterative", "long"),
}
NAMES = [
    f"{name}:{given}" if given else name for name, found in ARGUMENTS.items() for given in found
]
# What stands in for each source that a config names, and for the one that a recipe is given.
ROOMS = ("livingroom", "kitchen", "bridge", "churchoutdoor")
NAMED = {
    "weights/biggan": "biggan",
    "weights/sngan": "sngan",
    "weights/celebahq": "progan_1024",
    "weights/ffhq256": "stylegan2",
    **dict.fromkeys(
        [f"weights/{name}" for name in ("car", "bus", *ROOMS)],
        "progan_256",
    ),
    "weights/random_face": "mobilestylegan",
    "weights/generateme": "dcgan_64",
    **{f"weights/{name}": "dcgan_32" for name in ("fletcher", "efleurine", "anigan", "svhn")},
}
GIVEN = {
    **{name: name for name in ("biggan", "dcgan", "sngan", "stylegan2")},
    **{"progan": "progan_256", "bigGAN_photos": "scenes"},
}
# Fields that reach no network: runs that differ in nothing else have the same first step.
UNSEEN = (
    *("target.images", "target.ratios", "target.num_held_out", "target.num_validation"),
    *("target.seed", "target.exclude", "target.part", "target.skip_unreadable"),
    *("run.seed", "run.mine_steps", "run.finetune_steps", "run.train_steps"),
    *("run.sample_every_steps", "run.checkpoint_every_steps", "report.num_images"),
    *("game.learning_rate", "game.critic_learning_rate", "game.beta1", "game.beta2"),
    *("game.ema_decay", "miner.learning_rate", "miner.finetune_learning_rate"),
    *("selector.drop_below", "baseline.search_step_size", "baseline.search_noise"),
    *("baseline.search_prior", "baseline.perceptual_weight", "baseline.truncation"),
    *("baseline.kl_weight", "baseline.learning_rate", "baseline.latent_learning_rate"),
    *("baseline.beta1", "baseline.beta2"),
)
ASKED = ("bsa", "dgn_am", "ppgn")  # methods that are built for so many images, or for a label


def known(settings, named):
    """Returns a run's config without what reaches no network, and the sources that stand in."""
    images = () if settings.method in ASKED else ("target.labels", "target.max_images")
    plain = {path: config.FIELDS[path].default for path in (*UNSEEN, *images)}
    steps = (path for path in UNSEEN if path.endswith("_steps"))
    plain |= {path: min(config.value_of(settings, path), 1) for path in steps}
    kinds = tuple(NAMED.get(name, name) for name in settings.sources)
    settings = config.replaced(settings, {**plain, "sources": kinds})
    used = {name for name in (*kinds, settings.game.critic) if name in named}
    return settings, {name: first_steps.stand_in(name, named[name]) for name in sorted(used)}


def runs_of(name):
    """Yields the runs of a config: their settings, and the networks of sources made first."""
    values, named = config.load_config(name), dict(first_steps.PUBLISHED)
    if not comparison_config.is_comparison(values):
        settings = config.from_config_dict(values)
        recipe = name.partition(":")[0]
        if recipe in GIVEN:
            assert not settings.sources
            scenes = config.from_config_dict(config.load_config("bigGAN_photos_pretrain"))
            named["scenes"] = first_steps.of_config(scenes)
            settings = config.replaced(settings, {"sources": (GIVEN[recipe],)})
        yield settings, named
        return
    compared = comparison_config.from_config_dict(values)
    for source, fields in compared.pretrained.items():
        settings = config.from_values(fields)
        named[source] = first_steps.of_config(settings)
        yield settings, named
    for cell in comparison_config.cells(compared, {}):
        yield cell.config, named


@pytest.fixture(scope="module")
def taken():
    """What was taken to its first step already: runs with the same one share it."""
    return {}


def take(settings, named, taken, monkeypatch, *, with_step=True):
    settings, stand_ins = known(settings, named)
    key = with_step, settings, *(str(each.description) for each in stand_ins.values())
    if key not in taken:
        taken[key] = first_steps.take(settings, stand_ins, monkeypatch, with_step=with_step)
    return taken[key]


def test_no_config_is_left_out():
    assert sorted(ARGUMENTS) == config.packaged()


def test_no_documented_argument_is_left_out():
    """Where a text names a config with an argument, that one is among those above."""
    texts = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *(ROOT / "configs").glob("*.py")]
    names = "|".join(config.packaged())
    said = {
        f"{name}:{argument}"
        for text in texts
        for name, argument in re.findall(
            rf"(?<!tfds:)\b({names})(?:\.py)?:([\w.]*\w)", text.read_text()
        )
        if not argument.isupper()  # stands for one
    }
    assert said
    assert said <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_config_gets_to_its_first_step(name, taken, monkeypatch):
    for settings, named in runs_of(name):
        experiment, shapes = take(settings, named, taken, monkeypatch)
        resolution, channels = experiment.handed_out
        size = resolution, resolution, channels
        assert all(images is None or images.shape == (2, *size) for _, images in shapes.values())


# The README mines digits in any published source, and each family by its recipe.
SHOWN = {
    "MobileStyleGAN by a small critic": (
        *("faces:random_face", ("mobilestylegan",)),
        {"view.resolution": 64, "view.channels": 1, "target.colour": "as_is"},
    ),
    **{f"digits in {kind}": ("mnist", (kind,), {}) for kind in ("biggan", "sngan", "progan_256")},
    **{
        f"StyleGAN2 in {space}": ("stylegan2", ("stylegan2",), {"miner.space": space})
        for space in ("w", "w+")
    },
    "MobileStyleGAN": (
        *("stylegan2", ("mobilestylegan",)),
        {"miner.space": "w", "game.critic": "stylegan2"},
    ),
    "BigGAN-deep": ("biggan", ("biggan_deep",), {"game.critic": "biggan"}),
    "affine": ("biggan", ("biggan",), {"miner.start": "affine", "game.loss": "logistic"}),
    "one class": ("bigGAN_imagenet:cock", ("biggan",), {"method": "transfergan", "classes": "7"}),
    "the mean": ("sngan", ("sngan",), {"classes": "mean"}),
}


@pytest.mark.parametrize("case", SHOWN)
def test_published_sources_by_other_settings(case, taken, monkeypatch):
    """They are built and started; the steps are those of the recipes."""
    name, kinds, fields = SHOWN[case]
    settings = config.from_config_dict(config.load_config(name))
    fields = {"target.colour": "convert", "target.enlarge": True, **fields}
    settings = config.replaced(settings, {"sources": kinds, **fields})
    experiment, _ = take(settings, first_steps.PUBLISHED, taken, monkeypatch, with_step=False)
    assert experiment.handed_out.resolution >= 128


def widths(miner):
    """Returns the units of a miner's hidden layers, of M^z and M^c where it has both."""
    if "condition" not in miner:
        return {layer["kernel"].shape[1] for layer in list(miner.values())[:-1]}
    return tuple(widths(miner[name]) for name in ("latent", "condition"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mnist", {256}),
        ("bigGAN_digits", ({256}, {256})),
        ("progan", {1024}),
        ("celeba_to_ffhq_women", {1024}),
        ("sngan", ({256}, {1000})),
        ("imagenet_to_ffhq_25", ({256}, {1000})),
        ("biggan", ({1024}, {1024})),
    ],
)
def test_how_wide_miners_are(name, expected, taken, monkeypatch):
    ((settings, named),) = runs_of(name)
    experiment, shapes = take(settings, named, taken, monkeypatch)
    state, _ = shapes["mine"]
    assert widths(state.params["miners"][0]) == expected
    depth = experiment.config.miner.depth
    assert depth == (2 if "digits" in name or name == "mnist" else 4)  # as the paper has it


def test_frozen_weights_of_a_stand_in_are_never_made():
    source = first_steps.stand_in("biggan", first_steps.PUBLISHED["biggan"])
    leaves = jax.tree.leaves((source.generator, source.critic))
    assert sum(leaf.size for leaf in leaves) > 100_000_000
    assert all(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in leaves)
