"""The three StyleGAN2 formats give the networks that their mathematics define, or are refused."""

import itertools

import jax
import numpy as np
import pytest
import stylegan2_files as files
import stylegan2_oracle as oracle
from weight_files import Raw, call, dump, legacy_layout, zip_layout

from minegan_jax import sources, trees
from minegan_jax.errors import InputError
from minegan_jax.nets import family
from weights_conversion import (
    command,
    stylegan2_nvidia,
    stylegan2_rosinality,
    stylegan2_tf,
)
from weights_conversion import stylegan2_layers as layers

TOLERANCES = {"float32": 2e-5, "float64": 1e-9}  # of the largest value
SIZES = {"z": 6, "w": 5}
# Format, and what differs from a plain network of 16 pixels.
CASES = {
    "nvidia skip, resnet": ("nvidia", {"clamp": 1.0, "resolution": 16}),
    "nvidia resnet, skip": ("nvidia", {"generator": "resnet", "critic": "skip", "clamp": 1.0}),
    "nvidia orig, orig, classes": (
        "nvidia",
        {"generator": "orig", "critic": "orig", "classes": 3, "group": 3, "stddev": 2},
    ),
    "nvidia without statistic": ("nvidia", {"stddev": 0, "rate": 0.5, "hidden": 7, "layers": 3}),
    "nvidia whole batch": ("nvidia", {"group": None}),
    "tensorflow 4": ("tensorflow", {"resolution": 16}),
    "tensorflow 5, classes": (
        "tensorflow",
        {"classes": 3, "version": 5, "clamp": 1.0, "critic_rate": 0.1},
    ),
    "tensorflow resnet": ("tensorflow", {"generator": "resnet", "critic": "orig", "group": 2}),
    "rosinality": ("rosinality", {"resolution": 16}),
}
CONVERT = {
    "nvidia": stylegan2_nvidia.convert,
    "tensorflow": stylegan2_tf.convert,
    "rosinality": stylegan2_rosinality.convert,
}


def weights_of(options, seed=0):
    """Random weights of generator and critic, by the names of NVIDIA's files."""
    resolution = options.get("resolution", 16)
    widths = options.get("widths", (6, 5, 4))[: len(files.sizes_of(resolution))]
    classes, count = options.get("classes", 0), options.get("layers", 2)
    generator = files.generator_shapes(
        resolution,
        widths,
        classes=classes,
        layers=count,
        architecture=options.get("generator", "skip"),
        hidden=options.get("hidden"),
        **SIZES,
    )
    critic = files.critic_shapes(
        resolution,
        widths,
        classes=classes,
        layers=count,
        architecture=options.get("critic", "resnet"),
        stddev=options.get("stddev", 1),
    )
    rate = options.get("rate", 0.01)
    return files.drawn(generator, seed, rate), files.drawn(
        critic, seed + 1, options.get("critic_rate", rate)
    )


def content_of(form, options):
    """The bytes of a file, and the weights in it."""
    generator, critic = weights_of(options)
    classes = {"label_size": options["classes"]} if options.get("classes") else {}
    if form == "rosinality":
        return (
            files.rosinality(generator, critic, mean=generator["mapping.w_avg"]),
            generator,
            critic,
        )
    if form == "tensorflow":
        shared = {**classes, "resolution": 16, "fmap_base": 32, "fmap_max": 6}
        if "clamp" in options:
            shared["conv_clamp"] = options["clamp"]
        group = {"mbstd_group_size": options["group"]} if "group" in options else {}
        version = options.get("version", 4)
        content = files.tensorflow(
            generator, critic, settings=shared, critic_settings={**shared, **group}, version=version
        )
        return content, generator, critic
    given = {"clamp": options.get("clamp"), "rate": options.get("rate", 0.01)}
    other, _ = weights_of(options, seed=7)
    networks = {
        "G": files.nvidia_module(other, newest=False, **given),
        "D": files.nvidia_module(critic, group=options.get("group", 4), **given),
        "G_ema": files.nvidia_module(generator, source="open('PWNED', 'w')", **given),
    }
    return files.nvidia(networks), generator, critic


def options_of(form, options):
    """What the oracle is told."""
    silent = None if options.get("version") == 5 else 4
    group = options.get("group", silent if form == "tensorflow" else 4)
    return {
        "scaled": form != "nvidia",
        "clamp": options.get("clamp"),
        "group": group or 1000,
        "stddev_features": options.get("stddev", 1),
        "critic_rate": options.get("critic_rate", options.get("rate", 0.01)),
    }


def channels_last(images):
    return images.transpose(0, 2, 3, 1)


def expected_of(form, options, generator, critic):
    """Inputs and what the oracle makes of them, in double precision."""
    rng, size = np.random.default_rng(5), options["resolution"]
    arrays = {name: np.float64(array) for name, array in generator.items()}
    told = options_of(form, options)
    latents, labels = rng.normal(size=(3, SIZES["z"])), np.array([2, 0, 1])
    w = oracle.mapped(arrays, latents, labels, options.get("rate", 0.01))
    count = 2 * len(files.sizes_of(size))
    every = rng.normal(size=(3, count, SIZES["w"]))
    mean = arrays["mapping.w_avg"]
    repeat = lambda w: np.repeat(w[:, None], count, axis=1)  # noqa: E731
    images = np.tanh(rng.normal(size=(6, 3, size, size)) + rng.normal(size=(6, 3, 1, 1)))
    classes = np.array([0, 1, 2, 2, 0, 1])
    judge = {name: np.float64(array) for name, array in critic.items()}
    counts = (6, 1) if 6 % min(told["group"], 6) == 0 else (4, 1)
    return {
        "latents": latents,
        "labels": labels if options.get("classes") else None,
        "ws": every,
        "w": w,
        "images": oracle.synthesised(arrays, repeat(w), told),
        "truncated": oracle.synthesised(arrays, repeat(mean + 0.7 * (w - mean)), told),
        "silent": oracle.synthesised(arrays, repeat(w), told, noise=False),
        "mixed": oracle.synthesised(arrays, every, told),
        "critic_images": channels_last(images),
        "classes": classes if options.get("classes") else None,
        "scores": {
            count: oracle.scored(judge, images[:count], classes[:count], told) for count in counts
        },
    }


@pytest.fixture(scope="module", params=CASES)
def converted(request, tmp_path_factory):
    """The directory of a converted file, and what the oracle makes of the weights in it."""
    form, options = CASES[request.param]
    options = {"resolution": 8, **options}
    directory = tmp_path_factory.mktemp("stylegan2")
    content, generator, critic = content_of(form, options)
    (directory / "file.pkl").write_bytes(content)
    command.write(CONVERT[form](str(directory / "file.pkl")), directory / "source")
    return directory / "source", expected_of(form, options, generator, critic)


def assert_close(found, expected, dtype):
    assert found.dtype == dtype
    np.testing.assert_allclose(
        found, expected, atol=TOLERANCES[dtype] * abs(expected).max(), rtol=0
    )


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_images_and_scores_are_those_of_the_mathematics(dtype, converted):
    directory, expected = converted
    with jax.enable_x64(dtype == "float64"):
        source = sources.load_source(directory, dtype=dtype)
        networks, labels = source.networks, expected["labels"]
        given = () if labels is None else (labels,)
        latents = np.asarray(expected["latents"], dtype)
        w = jax.jit(networks.to_w)(source.generator, latents, *given)
        assert_close(w, expected["w"], dtype)
        assert_close(source.generate(latents, *given), channels_last(expected["images"]), dtype)
        near = jax.jit(networks.to_w, static_argnames="truncation")(
            source.generator, latents, *given, truncation=0.7
        )
        make = jax.jit(networks.synthesise, static_argnames="noise_mode")
        ws = np.repeat(np.asarray(near)[:, None], networks.num_ws, axis=1)
        assert_close(make(source.generator, ws), channels_last(expected["truncated"]), dtype)
        mixed = make(source.generator, np.asarray(expected["ws"], dtype))
        assert_close(mixed, channels_last(expected["mixed"]), dtype)
        if dtype == "float64":
            silent = make(source.generator, w, noise_mode="none")
            assert_close(silent, channels_last(expected["silent"]), dtype)
        for count, scores in expected["scores"].items():
            images = expected["critic_images"][:count]
            classes = () if labels is None else (expected["classes"][:count],)
            assert_close(source.score(images, *classes), scores, dtype)


def test_a_file_without_noise_and_mean_is_completed_and_says_so(tmp_path):
    generator, _ = weights_of({})
    (tmp_path / "550000.pt").write_bytes(
        files.rosinality(generator, without=("noises.", ".kernel"))
    )
    found = [stylegan2_rosinality.convert(str(tmp_path / "550000.pt")) for _ in range(2)]
    assert len({trees.digest(dict(each.params)) for each in found}) == 1
    assert found[0].params.keys() == {"generator"}
    assert [note.partition(":")[0] for note in found[0].notes] == [
        "the file has no noise",
        "the file has no mean w",
    ]
    assert "no mean w" in command.deliver(found[0], tmp_path / "source")
    weights = {name: np.float64(array) for name, array in generator.items()}
    latents = np.random.default_rng(1).normal(size=(40_000, SIZES["z"]))
    w = oracle.mapped(weights, latents, None, 0.01)
    mean = found[0].params["generator"]["mapping"]["mean"]
    np.testing.assert_allclose(mean, w.mean(axis=0), atol=0.05 * w.std())


@pytest.mark.parametrize("wrap", ["module.{}", "decoder.{}"])
def test_prefixes_change_nothing(wrap, tmp_path):
    generator, _ = weights_of({})
    found = files.rosinality_generator(generator)
    content = {wrap.format(name): array for name, array in found.items()}
    (tmp_path / "a.pt").write_bytes(zip_layout({"g_ema": found}))
    (tmp_path / "b.pt").write_bytes(legacy_layout({"g_ema": content}))
    both = [stylegan2_rosinality.convert(str(tmp_path / name)).params for name in ("a.pt", "b.pt")]
    jax.tree.map(np.testing.assert_array_equal, *both)


def test_what_files_do_not_say_has_flags(tmp_path):
    generator, critic = weights_of({})
    (tmp_path / "a.pt").write_bytes(files.rosinality(generator, critic))
    found = stylegan2_rosinality.convert(
        str(tmp_path / "a.pt"), mapping_rate=0.1, minibatch_stddev_group=8, truncation=0.5
    )
    wanted = {"mapping_rate": 0.1, "minibatch_stddev_group": 8, "truncation": 0.5}
    assert wanted.items() <= found.arguments.items()
    with pytest.raises(InputError, match=r"truncation 0\.0: expected over 0"):
        stylegan2_rosinality.convert(str(tmp_path / "a.pt"), truncation=0.0)
    with pytest.raises(InputError, match=r"mapping_rate=0\.0: expected a number over 0"):
        stylegan2_rosinality.convert(str(tmp_path / "a.pt"), mapping_rate=0.0)


@pytest.mark.parametrize("only", ["generator", "critic"])
@pytest.mark.parametrize("form", CONVERT)
def test_either_network_alone(form, only, tmp_path):
    (tmp_path / "file").write_bytes(content_of(form, {})[0])
    alone = CONVERT[form](str(tmp_path / "file"), only=only)
    assert alone.params.keys() == {only}
    built = family.build(alone.family, alone.arguments)
    jax.eval_shape(built.init, jax.random.key(0))


@pytest.fixture
def nothing_runs(tmp_path, monkeypatch):
    """Whatever a test reads, the payload must not have run."""
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "PWNED").exists()


def complaint(form, content):
    """The one line that a file of this content is answered with."""
    with open("file", "wb") as file:
        file.write(content)
    with pytest.raises(InputError) as caught:
        CONVERT[form]("file")
    assert str(caught.value).startswith("file: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def set_array(name, value):
    return lambda arrays, _: arrays.update({name: value})


def drop_array(name):
    return lambda arrays, _: arrays.pop(name)


def set_attribute(name, key, value):
    return lambda _, attributes: attributes.setdefault(name, {}).update({key: value})


OTHER_FILTER = np.outer([1, 2, 2, 1], [1, 2, 2, 1]).astype("f4") / 36
WRONG_NVIDIA = {  # the key of a network, what is changed in it, what is said
    "extra": ("G_ema", set_array("synthesis.b8.const_delta_w8", np.ones(3)), "const_delta_w8"),
    "missing": ("G_ema", drop_array("synthesis.b8.conv1.affine.bias"), "b8.conv1.affine.bias"),
    "missing bias": ("D", drop_array("b8.conv0.bias"), "missing: b8.conv0.bias"),
    "shape": (
        "G_ema",
        set_array("synthesis.b16.conv0.weight", np.ones((5, 4, 3, 3))),
        "conv0.weight has",
    ),
    "axes": ("G_ema", set_array("synthesis.b16.conv1.bias", np.ones((4, 1))), "of 1 axes"),
    "NaN": ("D", set_array("b8.conv0.weight", np.full((5, 5, 3, 3), np.nan)), "holds NaN"),
    "filter": ("G_ema", set_array("synthesis.b8.resample_filter", OTHER_FILTER), "resample_filter"),
    "activation": (
        "D",
        set_attribute("b8.conv0", "activation", "swish"),
        "'swish', expected 'lrelu'",
    ),
    "rate": ("D", set_attribute("b4.fc", "bias_gain", 0.5), "b4.fc: bias_gain is 0.5, expected 1"),
    "rates": ("G_ema", set_attribute("mapping.fc1", "bias_gain", 1), "expected one bias_gain"),
    "clamps": ("D", set_attribute("b8.conv0", "conv_clamp", 9), "conv_clamp: expected the same"),
    "group": ("D", set_attribute("b4.mbstd", "group_size", "4"), "group_size is '4'"),
    "StyleGAN3": ("G_ema", set_array("synthesis.input.weight", np.ones((2, 2))), "a StyleGAN3"),
    "StyleGAN-XL": ("G_ema", set_array("mapping.embed_proj.weight", np.ones(2)), "a StyleGAN-XL"),
}


@pytest.mark.parametrize(("key", "change", "said"), WRONG_NVIDIA.values(), ids=WRONG_NVIDIA)
@pytest.mark.usefixtures("nothing_runs")
def test_what_does_not_fit_in_nvidias_files_is_named(key, change, said):
    generator, critic = weights_of({})
    networks = {
        name: files.nvidia_module(arrays, change=change if name == key else None)
        for name, arrays in {"D": critic, "G_ema": generator}.items()
    }
    line = complaint("nvidia", files.nvidia(networks))
    assert said in line
    assert line.startswith(f"file: {key}: ")


PLAIN = np.ones(3, "f4")
TOP = {  # what stands in the place of G_ema, and what is said
    "nothing": (None, "expected G_ema, found D"),
    "a payload": (call("posix", "system", "touch PWNED"), "refused and not run"),
    "bytes in bytes": (
        files.bytes_call(dump(files.storage(PLAIN)) + b"."),
        "PyTorch's older layout",
    ),
    "bytes of a file": (files.bytes_call(zip_layout({"w": PLAIN})), "PyTorch's older layout"),
    "no bytes": (call("torch.storage", "_load_from_bytes", "x"), "a storage that is no bytes"),
    "arrays in bytes": (files.bytes_call(legacy_layout({"w": PLAIN})), "hold something else"),
    "a foreign class": (Raw(b"ctimm.models\nNet\n)\x81"), "as the critics of Projected GAN"),
    "a module of nothing": (
        Raw(b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n(" + dump([]) + b"tR"),
        "a module without attributes",
    ),
    "a long name": (files.module("G", {"w" * 200: {}}, {}), "a name of over 100 letters"),
}


@pytest.mark.parametrize(("value", "said"), TOP.values(), ids=TOP)
@pytest.mark.usefixtures("nothing_runs")
def test_pickles_of_something_else_are_refused(value, said):
    _, critic = weights_of({})
    networks = {"D": files.nvidia_module(critic), **({} if value is None else {"G_ema": value})}
    assert said in complaint("nvidia", files.nvidia(networks))


@pytest.mark.usefixtures("nothing_runs")
def test_storages_that_lie_are_refused():
    honest = bytes(files.storage(PLAIN))
    size, count = dump(3), (3).to_bytes(8, "little")
    for lie in (
        honest.replace(size, dump(2**44)),
        honest.replace(count, (9).to_bytes(8, "little")),
    ):
        assert lie != honest
        assert "damaged" in complaint("nvidia", files.nvidia({"G_ema": Raw(lie)}))


@pytest.mark.usefixtures("nothing_runs")
def test_modules_that_share_modules_have_an_end():
    shared = files.module("G", {}, {})
    for level in range(7):
        memo = str(level).encode() + b"\n"
        inner = Raw(bytes(shared) + b"p" + memo)
        again = {str(i): Raw(b"g" + memo) for i in range(1, 12)}
        state = {"_modules": {"0": inner, **again}}
        described = dump({"class_name": "G", "state": state})
        shared = Raw(
            b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n(" + described + b"tR"
        )
    assert "without an end" in complaint("nvidia", files.nvidia({"G_ema": shared}))


def changed_tensorflow(change=None, *, version=4, **settings):
    """The bytes of a TensorFlow pickle with other settings or weights."""
    generator, critic = weights_of({})
    if change:
        change(generator, critic)
    return files.tensorflow(
        generator, critic, settings=settings, critic_settings=settings, version=version
    )


def stray(generator, _):
    generator["synthesis.b8.conv2.weight"] = np.ones((3, 3, 3, 3), "f4")


def growing():
    bottom = {"4x4/Const/const": np.ones((1, 6, 4, 4), "f4"), "ToRGB_lod2/weight": np.ones(3, "f4")}
    inner = files.tensorflow_network(bottom, {}, name="G_synthesis", version=4)
    top = files.tensorflow_network({}, {}, name="G", version=4, components={"synthesis": inner})
    return b"\x80\x04" + dump((top, top, top)) + b"."


WRONG_TENSORFLOW = {
    "filter": (changed_tensorflow(resample_kernel=[1, 2, 2, 1]), "resample_kernel is [1, 2, 2, 1]"),
    "setting": (changed_tensorflow(use_spectral_norm=True), "use_spectral_norm is True"),
    "activation": (changed_tensorflow(nonlinearity="relu"), "nonlinearity is 'relu'"),
    "labels": (changed_tensorflow(label_size=3), "label_size is 3, expected 0"),
    "StyleGAN1": (changed_tensorflow(version=3), "version 3: a StyleGAN1"),
    "clamp": (changed_tensorflow(conv_clamp="256"), "conv_clamp is '256'"),
    "progressive": (growing(), "ToRGB_lod2/weight: a network that grows"),
    "missing": (
        changed_tensorflow(lambda g, _: g.pop("synthesis.b8.conv1.affine.bias")),
        "missing: synthesis/8x8/Conv1/mod_bias",
    ),
    "a dictionary": (b"\x80\x04" + dump({"G": 1}) + b".", "stylegan2_nvidia` converts it"),
    "nothing": (b"\x80\x04" + dump((1, 2)) + b".", "expected the three networks G, D and Gs"),
}


@pytest.mark.parametrize(("content", "said"), WRONG_TENSORFLOW.values(), ids=WRONG_TENSORFLOW)
@pytest.mark.usefixtures("nothing_runs")
def test_other_pickles_of_tensorflow_are_refused(content, said):
    assert said in complaint("tensorflow", content)


@pytest.mark.usefixtures("nothing_runs")
def test_a_tensorflow_pickle_is_sent_to_its_command():
    assert "stylegan2_tf` converts it" in complaint("nvidia", changed_tensorflow())


def edit(network, name, value):
    return lambda kept: kept[network].update({name: value})


WRONG_ROSINALITY = {
    "extra": (edit("g_ema", "convs.0.conv.u_vector", PLAIN), "convs.0.conv.u_vector"),
    "shape": (edit("g_ema", "convs.2.conv.weight", np.ones((1, 5, 4, 3, 3))), "conv.weight has"),
    "filter": (edit("g_ema", "convs.0.conv.blur.kernel", OTHER_FILTER), "blur.kernel: expected"),
    "critic's filter": (edit("d", "convs.1.conv2.0.kernel", OTHER_FILTER), "conv2.0.kernel"),
    "missing": (lambda kept: kept["d"].pop("convs.1.conv1.1.bias"), "missing: convs.1.conv1.1"),
    "no g_ema": (lambda kept: kept.update(g=kept.pop("g_ema")), "expected g_ema, found g"),
    "lucidrains": (lambda kept: kept.update(GAN={"G.initial_block": PLAIN}), "lucidrains"),
    "StyleGAN1": (
        edit("g_ema", "generator.progression.0.conv1.input", PLAIN),
        "a StyleGAN1, another network",
    ),
    "no mapping": (
        lambda kept: [kept["g_ema"].pop(n) for n in list(kept["g_ema"]) if n.startswith("style.")],
        "style.1.*: expected a mapping network",
    ),
}


@pytest.mark.parametrize(("change", "said"), WRONG_ROSINALITY.values(), ids=WRONG_ROSINALITY)
@pytest.mark.usefixtures("nothing_runs")
def test_what_does_not_fit_in_rosinalitys_files_is_named(change, said):
    generator, critic = weights_of({})
    assert said in complaint("rosinality", files.rosinality(generator, critic, change=change))


PUBLISHED = {  # resolution, base of the channels, options; parameters of generator and critic
    "256 paper": (256, 16384, {"layers": 8}, 24_767_458, 24_001_089),
    "256 auto": (256, 16384, {"layers": 2}, 23_191_522, 24_001_089),
    "256": (256, 32768, {"layers": 8}, 30_034_338, 28_864_129),
    "512": (512, 32768, {"layers": 8}, 30_276_583, 28_982_849),
    "1024": (1024, 32768, {"layers": 8}, 30_370_060, 29_012_513),
    "cifar": (32, 32768, {"layers": 2, "critic": "orig"}, 19_947_539, 20_720_641),
    "cifar classes": (
        32,
        32768,
        {"layers": 2, "critic_layers": 8, "critic": "orig", "classes": 10},
        20_215_315,
        23_089_664,
    ),
}
FORMATS = {
    "nvidia": (stylegan2_nvidia.FORMAT, lambda g: g, lambda d: d),
    "tensorflow": (
        stylegan2_tf.FORMAT,
        lambda arrays: {
            f"{part}/{name}" if part else name: array
            for part, found in files.tensorflow_generator(arrays).items()
            for name, array in found.items()
        },
        files.tensorflow_critic,
    ),
    "rosinality": (
        stylegan2_rosinality.FORMAT,
        lambda arrays: files.rosinality_generator(arrays) | {"latent_avg": arrays["mapping.w_avg"]},
        files.rosinality_critic,
    ),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", PUBLISHED)
def test_every_array_of_the_published_files_has_its_place(name, form, monkeypatch):
    """Names and shapes, not the numbers: weights take no memory, and none is made."""
    resolution, base, options, *counts = PUBLISHED[name]
    if form == "rosinality" and name.startswith("cifar"):
        return  # it has neither classes nor a critic without residual blocks
    monkeypatch.setattr(np, "ascontiguousarray", np.asarray)
    widths = [min(base // size, 512) for size in files.sizes_of(resolution)]
    count = options.pop("critic_layers", options["layers"]) if "critic_layers" in options else 8
    classes = options.get("classes", 0)
    shapes = (
        files.generator_shapes(
            resolution, widths, z=512, w=512, layers=options["layers"], classes=classes
        ),
        files.critic_shapes(
            resolution,
            widths,
            classes=classes,
            layers=count,
            architecture=options.get("critic", "resnet"),
        ),
    )
    described, *turn = FORMATS[form]
    arrays = [
        change({key: np.broadcast_to(np.float32(0.5), shape) for key, shape in each.items()})
        for change, each in zip(turn, shapes, strict=True)
    ]
    both = zip((described.generator, described.critic), arrays, strict=True)
    found = [layers.find(network, each, name) for network, each in both]
    arguments = layers.generator_arguments(found[0]) | layers.critic_arguments(found[1])
    ours = layers.shapes_of("stylegan2", {**arguments, "demodulation": described.demodulation})
    for network, each, total in zip(("generator", "critic"), found, counts, strict=True):
        expected = trees.named_shapes(ours[network])
        used = {path: each.places[path] for path in expected}
        kept = {key for key in each.arrays if not key.endswith(("kernel", "lod"))}
        assert {place.array for place in used.values()} == kept
        assert {
            p: place.layout(each.arrays[place.array]).shape for p, place in used.items()
        } == expected
        constants = sum(np.prod(s) for p, s in expected.items() if p.endswith(("noise", "mean")))
        assert sum(map(np.prod, expected.values())) - constants == total


def test_widths_of_files_may_be_any(tmp_path):
    generator, critic = weights_of({"resolution": 32, "widths": (3, 5, 2, 7)})
    (tmp_path / "a.pt").write_bytes(files.rosinality(generator, critic))
    found = stylegan2_rosinality.convert(str(tmp_path / "a.pt"))
    assert found.arguments["width"] == found.arguments["critic_width"] == [3, 5, 2, 7]
    assert found.arguments["resolution"] == 32


def test_networks_of_different_sizes_do_not_go_together(tmp_path):
    generator, _ = weights_of({})
    _, critic = weights_of({"resolution": 32, "widths": (3, 5, 2, 7)})
    (tmp_path / "a.pt").write_bytes(files.rosinality(generator, critic))
    with pytest.raises(InputError, match="resolution is 32, but 16 in the other network"):
        stylegan2_rosinality.convert(str(tmp_path / "a.pt"))


def test_the_oracle_sees_each_part():
    """A mistake in any part moves the images by far more than the tolerance."""
    generator, _ = weights_of({})
    arrays = {name: np.float64(array) for name, array in generator.items()}
    w = np.random.default_rng(0).normal(size=(1, 6, SIZES["w"]))
    options = {"scaled": False, "clamp": None}
    images = oracle.synthesised(arrays, w, options)
    changes = [
        {"synthesis.b8.conv0.weight": arrays["synthesis.b8.conv0.weight"][:, :, ::-1, ::-1]},
        {"synthesis.b8.conv1.noise_const": arrays["synthesis.b8.conv1.noise_const"].T},
        {"synthesis.b8.torgb.affine.bias": arrays["synthesis.b8.torgb.affine.bias"] + 1},
    ]
    others = [oracle.synthesised({**arrays, **change}, w, options) for change in changes]
    others.append(oracle.synthesised(arrays, w, {**options, "scaled": True}))
    others.append(oracle.synthesised(arrays, w, {**options, "clamp": 1.0}))
    others.append(oracle.synthesised(arrays, w[:, ::-1], options))
    for first, second in itertools.pairwise([images, *others]):
        assert np.abs(first - second).max() > 1e-3 * np.abs(images).max()
