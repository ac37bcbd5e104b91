"""What a source is written back as is, bit for bit, the file that it was converted from."""

import json
import pickletools
import sys
import zipfile
from pathlib import Path

import jax
import numpy as np
import pytest
import stylegan2_files as files
import tiny_sources
from hypothesis import given
from hypothesis import strategies as st
from weight_files import zip_layout

from minegan_jax import sources, trees
from minegan_jax.nets import family
from weights_conversion import (
    biggan_deep_hf,
    biggan_pytorch,
    biggan_simpler,
    command,
    export,
    persistence,
    progan_gan_zoo,
    progan_genforce,
    progan_tf,
    reader,
    rules,
    sngan_chainer,
    stylegan2_nvidia,
    stylegan2_rosinality,
    stylegan2_tf,
)

FIXTURES = Path(__file__).parents[1] / "fixtures"


def stylegan2(generator="skip", critic="resnet", **options):
    """Random weights of a generator and a critic of 16 pixels, by NVIDIA's names."""
    size = 16, (6, 5, 4)
    shapes = files.generator_shapes(*size, z=6, w=5, architecture=generator, **options)
    judges = files.critic_shapes(*size, architecture=critic, **options)
    return files.drawn(shapes, 0), files.drawn(judges, 1)


def rosinality():
    generator, critic = stylegan2()
    return files.rosinality(generator, critic, mean=generator["mapping.w_avg"])


def nvidia(**options):
    generator, critic = stylegan2(**options)
    networks = {"D": files.nvidia_module(critic), "G_ema": files.nvidia_module(generator)}
    return files.nvidia(networks)


def fixture(name):
    return (FIXTURES / name).read_bytes()


def torch_file(place):
    return reader.read_torch(place)


def with_average(name, other):
    """What a file holds whose generator is its average."""

    def content(place):
        saved = reader.read_torch(place)
        settings = {"config": saved["config"].state} if "config" in saved else {}
        return settings | saved | settings | {other: saved[name]}

    return content


def of_nvidia(key):
    def arrays(place):
        return persistence.flatten(reader.read_pickle(place, persistence.NAMES)[key]).arrays

    return arrays


def of_official(network):
    def variables(place):
        return progan_tf.read_network(reader.read_pickle(place), network, "")[0]

    return variables


TWO = {"generator": "G.pth", "critic": "D.pth"}
ONE = {"checkpoint": "all.pth"}
NVIDIAS = {"generator": ("pickle", of_nvidia("G_ema")), "critic": ("pickle", of_nvidia("D"))}
# Of a format: its module, the published files by flag, the written ones, and of each what it should
# hold: the published file, and what reads that.
CASES = {
    "biggan": (
        biggan_pytorch,
        {"generator": fixture("biggan32/G_ema.pth"), "critic": fixture("biggan32/D.pth")},
        TWO,
        {name: (name, torch_file) for name in TWO},
    ),
    "sngan": (
        sngan_chainer,
        {"critic": fixture("sngan128/critic.npz")},
        {"critic": "D.npz"},
        {"critic": ("critic", reader.read_npz)},
    ),
    "genforce": (
        progan_genforce,
        {"checkpoint": fixture("progan16/genforce.pth")},
        ONE,
        {"checkpoint": ("checkpoint", with_average("generator_smooth", "generator"))},
    ),
    "gan zoo": (
        progan_gan_zoo,
        {"checkpoint": fixture("progan16/gan_zoo.pth")},
        ONE,
        {"checkpoint": ("checkpoint", with_average("avgG", "netG"))},
    ),
    "official": (
        progan_tf,
        {"pickle": fixture("progan16/official.pkl")},
        {"generator": "Gs.npz", "critic": "D.npz"},
        {name: ("pickle", of_official(name)) for name in TWO},
    ),
    "rosinality": (
        stylegan2_rosinality,
        {"checkpoint": rosinality()},
        ONE,
        {"checkpoint": ("checkpoint", with_average("g_ema", "g"))},
    ),
    "nvidia": (stylegan2_nvidia, {"pickle": nvidia()}, TWO, NVIDIAS),
    "nvidia resnet": (
        stylegan2_nvidia,
        {"pickle": nvidia(generator="resnet", critic="skip")},
        TWO,
        NVIDIAS,
    ),
    "nvidia classes": (
        stylegan2_nvidia,
        {"pickle": nvidia(generator="orig", critic="orig", classes=3, layers=3)},
        TWO,
        NVIDIAS,
    ),
}
# Whose published files here the published code wrote; Chainer's order is another in every run, and
# of settings it does not matter.
ORDERED = (biggan_pytorch, progan_tf, progan_genforce)
ONLY_WRITTEN = (progan_tf, stylegan2_nvidia)  # what they read is a pickle with source code inside


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    """A format's case, its folder and what was converted, which is written back there."""
    module, published, names, expected = CASES[request.param]
    folder = tmp_path_factory.mktemp("way_back")
    for flag, content in published.items():
        (folder / flag).write_bytes(content)
    converted = module.convert(**{flag: str(folder / flag) for flag in published})
    command.write(converted, folder / "source")
    out = {flag: str(folder / "out" / name) for flag, name in names.items()}
    said = module.BACK.write(str(folder / "source"), out)
    assert said == f"{' and '.join(out.values())}: source, a {converted.family}"
    return module, converted, out, {flag: read(folder / n) for flag, (n, read) in expected.items()}


def contents(out):
    """What the written files hold, by flag."""
    return {
        flag: reader.read_npz(file) if file.endswith(".npz") else reader.read_torch(file)
        for flag, file in out.items()
    }


def assert_same(found, expected, ends=()):
    """The same names in the same order, and the same bits; but for arrays whose names end so."""
    if isinstance(expected, np.ndarray):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(found, expected)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for name in expected.keys() - {n for n in expected if n.endswith(ends or "no such end")}:
            assert_same(found[name], expected[name], ends)
    else:
        assert found == expected


def ordered(content):
    """Dictionaries in dictionaries in the order of their keys."""
    if not isinstance(content, dict):
        return content
    return {key: ordered(value) for key, value in sorted(content.items())}


def test_every_array_comes_back(case):
    module, _, out, expected = case
    found = contents(out)
    ends = (".sv0",) if module is biggan_pytorch else ()
    if module in ORDERED:
        assert_same(found, expected, ends)
    else:
        assert_same(ordered(found), ordered(expected), ends)


def modules_in_order(names):
    """Names as PyTorch orders them: a module's own arrays, then one module inside after another."""
    tree = {}
    for name in names:
        *path, last = name.split(".")
        inside = tree
        for part in path:
            inside = inside.setdefault(part, {})
        inside[last] = name

    def walk(inside):
        own = [leaf for leaf in inside.values() if isinstance(leaf, str)]
        return own + [n for leaf in inside.values() if isinstance(leaf, dict) for n in walk(leaf)]

    return walk(tree)


def test_arrays_lie_as_pytorch_orders_them(case):
    module, _, out, _ = case
    for content in contents(out).values():
        nested = [part for part in content.values() if isinstance(part, dict)]
        for arrays in nested or [content]:
            if module in (biggan_pytorch, stylegan2_nvidia, stylegan2_rosinality):
                assert list(arrays) == modules_in_order(arrays)


def test_dropped_arrays_have_the_published_codes_value(case):
    module, _, out, _ = case
    if module is biggan_pytorch:
        values = [a for name, a in contents(out)["critic"].items() if name.endswith(".sv0")]
        assert values
        assert all(np.array_equal(value, np.ones(1, "f4")) for value in values)


def test_what_is_written_is_converted_to_the_same_networks(case):
    module, converted, out, _ = case
    if module not in ONLY_WRITTEN:
        again = module.convert(**out)
        assert again.arguments == converted.arguments
        assert trees.digest(dict(again.params)) == trees.digest(dict(converted.params))
        assert not again.notes


# Of each family, networks as narrow as they get, some of which leave arguments to their defaults.
NARROW = {
    "biggan": (
        biggan_pytorch,
        {"resolution": 32, "channels": 1, "width": 1, "latent_size": 8, "num_classes": 2},
        {"embedding_size": 3, "attention": [0, 1], "critic_width": 2, "critic_attention": []},
    ),
    "biggan 64": (
        biggan_pytorch,
        {"resolution": 64, "channels": 3, "width": 1, "latent_size": 5, "num_classes": 1},
        {"embedding_size": 2, "attention": [], "critic_width": 1, "critic_attention": [1]},
    ),
    "sngan": (
        sngan_chainer,
        {"resolution": 64, "channels": 3, "width": 1, "latent_size": 5, "num_classes": 3},
        {"num_halvings": 5},
    ),
    "sngan 32": (
        sngan_chainer,
        {"resolution": 32, "channels": 1, "width": [3, 1, 2, 1], "latent_size": 2},
        {"critic_width": [2, 1, 2, 1], "num_halvings": 2, "score_bias": False},
    ),
    "progan": (
        progan_genforce,
        {"resolution": 16, "channels": 3, "width": 2, "latent_size": 5},
        {"minibatch_stddev_group": 0},
    ),
    "progan zoo": (
        progan_gan_zoo,
        {"resolution": 8, "channels": 1, "width": [3, 2], "latent_size": 4, "num_hidden": 3},
        {"variant": "gan_zoo", "critic_width": [2, 3]},
    ),
    "stylegan2": (
        stylegan2_rosinality,
        {"resolution": 8, "channels": 3, "width": [2, 3], "latent_size": 4, "mapping_layers": 1},
        {"demodulation": "scaled", "critic_width": 2, "mapping_rate": 0.01},
    ),
}


def random_source(folder, family_name, arguments, seed=0):
    """Writes a source of random weights, none of which stands where training starts."""
    shapes = command.shapes_of(family_name, arguments)
    rng = np.random.default_rng(seed)
    params = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype("f4"), shapes)
    description = {"name": folder.name, "family": family_name, "arguments": arguments}
    sources.save_source(folder, params, description)
    return params


@pytest.mark.parametrize("name", NARROW)
def test_narrow_networks_come_back(name, tmp_path):
    module, *arguments = NARROW[name]
    arguments = {**arguments[0], **arguments[1]}
    params = random_source(tmp_path / "source", name.partition(" ")[0], arguments)
    ending = module.BACK.flags.keys() & {"checkpoint"} or {"generator", "critic"}
    kind = ".npz" if module is sngan_chainer else ".pth"
    out = {flag: str(tmp_path / f"{flag}{kind}") for flag in sorted(ending)}
    module.BACK.write(str(tmp_path / "source"), out)
    again = module.convert(**out)
    assert trees.digest(dict(again.params)) == trees.digest(params)
    full = family.in_full(again.family, arguments)
    same = {"resolution", "channels", "latent_size", "attention", "num_halvings", "variant"}
    for argument in same & again.arguments.keys() & arguments.keys():
        assert again.arguments[argument] == full[argument]


# The shape of what a layout takes, of four sizes; others take any of four axes.
TAKES = {
    rules.dense: lambda a, b, *_: (a, b),
    rules.flat: lambda a, *_: (1, a),
    rules.maps_last: lambda a, b, *_: (a, 16 * b),
    rules.before_maps: lambda a, b, *_: (16 * a, b),
    rules.after_maps: lambda a, b, *_: (a, 16 * b),
    biggan_pytorch.row_before_maps: lambda a, *_: (1, 16 * a),
    sngan_chainer.the_only_class: lambda a, *_: (a,),
    progan_genforce.first_conv: lambda a, b, *_: (a, b, 4, 4),
    progan_tf.dense_after_maps: lambda a, b, *_: (16 * a, b),
    stylegan2_nvidia.pixels_last: lambda a, b, c, _: (a, b, c),
    stylegan2_rosinality.one: lambda a, b, *_: (1, a, b),
    stylegan2_rosinality.styled_conv: lambda *sizes: (1, *sizes),
    stylegan2_rosinality.first_constant: lambda a, b, c, _: (1, a, b, c),
    stylegan2_rosinality.only_map: lambda a, b, *_: (1, 1, a, b),
    stylegan2_rosinality.colours: lambda a, *_: (1, a, 1, 1),
}


@pytest.mark.parametrize("layout", rules.SHAPES_BEFORE, ids=lambda layout: layout.__name__)
@given(sizes=st.tuples(*[st.integers(1, 4)] * 4))
def test_every_layout_is_undone(layout, sizes):
    shape = TAKES.get(layout, lambda *sizes: sizes)(*sizes)
    array = np.random.default_rng(0).normal(size=shape).astype("f4")
    found = rules.undo(layout, layout(array))
    assert (found.shape, found.dtype) == (array.shape, array.dtype)
    np.testing.assert_array_equal(found, array)


@given(sizes=st.tuples(*[st.integers(0, 3)] * 4), rows=st.booleans())
def test_files_of_any_arrays_are_read_again(sizes, rows, tmp_path_factory):
    rng = np.random.default_rng(0)
    arrays = {f"a{i}": rng.normal(size=sizes[:i]).astype("f4") for i in range(5)}
    arrays["b"] = arrays["a4"].transpose() if rows else arrays["a2"]
    saved = {
        "config": {"n": 3, "x": 0.5, "name": "\u00e4", "off": False, "none": None},
        "g": arrays,
    }
    saved["config"]["list"] = [1, 2]
    file = tmp_path_factory.mktemp("torch") / "file.pth"
    export.write_file(file, saved)
    assert_same(reader.read_torch(file), saved)
    with zipfile.ZipFile(file) as archive:
        for record in archive.infolist():
            begins = record.header_offset + 30 + len(record.filename) + len(record.extra)
            assert begins % 64 == 0


def test_a_written_file_names_what_builds_tensors_alone(tmp_path):
    export.write_file(tmp_path / "file.pth", {"g": {"w": np.ones((2, 3), "f4")}})
    with zipfile.ZipFile(tmp_path / "file.pth") as archive:
        assert archive.read("archive/byteorder") == b"little"
        assert archive.read("archive/data/0") == np.ones(6, "f4").tobytes()
        program = list(pickletools.genops(archive.read("archive/data.pkl")))
    names = {argument for opcode, argument, _ in program if opcode.name == "GLOBAL"}
    assert names == {
        *("collections OrderedDict", "torch FloatStorage", "torch._utils _rebuild_tensor_v2")
    }
    assert max(opcode.proto for opcode, _, _ in program) == 2


def test_arrays_of_several_networks_have_their_keys_before_their_names(tmp_path):
    (tmp_path / "in.pt").write_bytes(rosinality())
    converted = stylegan2_rosinality.convert(str(tmp_path / "in.pt"))
    command.write(converted, tmp_path / "source")
    out = {"checkpoint": str(tmp_path / "all.safetensors")}
    stylegan2_rosinality.BACK.write(str(tmp_path / "source"), out)
    assert {"d.convs.0.0.weight", "g_ema.input.input", "latent_avg"} <= reader.read_safetensors(
        out["checkpoint"]
    ).keys()
    again = stylegan2_rosinality.convert(**out)
    assert trees.digest(dict(again.params)) == trees.digest(dict(converted.params))


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Runs a module's command in an empty folder; returns its status and what it said."""
    monkeypatch.chdir(tmp_path)

    def command_line(module, *words):
        monkeypatch.setattr(sys, "argv", ["convert", *map(str, words)])
        back = getattr(module, "BACK", None)
        status = command.main(module.convert, module.FLAGS, back=back)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        assert (said.out + said.err).count("\n") == 1
        return status, said.out + said.err

    return command_line


BIGGAN = {"resolution": 32, "width": 1, "latent_size": 4, "num_classes": 2, "embedding_size": 2}


def small(folder, name="biggan", **changes):
    """Writes a small random source of a family; returns its name."""
    usual = {"biggan": {"channels": 3, **BIGGAN}, **tiny_sources.ARGUMENTS} | {
        "biggan": {"channels": 3, "critic_width": 1, "attention": [], **BIGGAN}
    }
    random_source(folder, name, {**usual[name], **changes})
    return folder.name


def test_a_command_writes_files(run, tmp_path):
    source = small(tmp_path / "source")
    status, said = run(biggan_pytorch, f"--export={source}", "--critic=out/D.pth")
    assert (status, said) == (0, "out/D.pth: source, a biggan\n")
    status, said = run(biggan_pytorch, "--critic=out/D.pth", "--out=again")
    assert status == 0
    before, after = (sources.load_source(tmp_path / n).critic for n in (source, "again"))
    jax.tree.map(np.testing.assert_array_equal, before, after)
    status, said = run(biggan_pytorch, f"--export={source}", "--critic=out/D.pth")
    assert (status, said[:43]) == (2, "error: --critic=out/D.pth: expected a new f")


REFUSED = {  # a format, its flags behind the source's, what is said; the source's family, arguments
    "no file": (biggan_pytorch, [], "expected a file to write, at least one of --generator", {}),
    "input flags": (biggan_pytorch, ["--key=G"], "--key does nothing with --export", {}),
    "out": (biggan_pytorch, ["--out=x"], "--out does nothing with --export", {}),
    "ending": (biggan_pytorch, ["--generator=G.npz"], "expected a name with .pth, .pt", {}),
    "one file": (biggan_pytorch, ["--generator=a.pth", "--critic=a.pth"], "two files", {}),
    "source": (
        biggan_pytorch,
        ["--critic=D.pth", "--source=a"],
        "choose those of a run, which source is not",
        {},
    ),
    "family": (sngan_chainer, ["--critic=D.npz"], "of family 'biggan', expected 'sngan'", {}),
    "settings": (progan_gan_zoo, ["--checkpoint=a.safetensors"], "with .pth, .pt, .bin", {}),
    "only read": (stylegan2_tf, [], "this format is only read; written are biggan_py", {}),
    "only read too": (biggan_deep_hf, [], "this format is only read", {}),
    "resolution": (
        biggan_pytorch,
        ["--generator=G.pth"],
        "generator: the layout cannot hold it: a BigGAN of 16 pixels",
        {"resolution": 16, "latent_size": 3},
    ),
    "halvings": (
        sngan_chainer,
        ["--critic=D.npz"],
        "num_halvings is None, expected 2, as in every critic of this layout",
        {"name": "sngan", "resolution": 32},
    ),
    "blocks": (sngan_chainer, ["--critic=D.npz"], "of 4, 5 or 6 blocks", {"name": "sngan"}),
    "variant": (
        progan_genforce,
        ["--checkpoint=a.pth"],
        "variant is 'gan_zoo', expected 'karras2018', as in every generator of this layout",
        {"name": "progan", "variant": "gan_zoo"},
    ),
    "group": (
        progan_gan_zoo,
        ["--checkpoint=a.pth"],
        "minibatch_stddev_group is 2, expected 0 or 4",
        {"name": "progan", "variant": "gan_zoo", "minibatch_stddev_group": 2},
    ),
    "epsilon": (
        stylegan2_rosinality,
        ["--checkpoint=a.pt"],
        "demodulation is 'stored', expected 'scaled'",
        {"name": "stylegan2"},
    ),
}


@pytest.mark.parametrize(("module", "flags", "said", "changes"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_written_is_one_line(module, flags, said, changes, run, tmp_path):
    small(tmp_path / "source", **changes)
    status, line = run(module, "--export=source", *flags)
    assert status == 2
    assert line.startswith("error: ")
    assert said in line
    assert {path.name for path in tmp_path.iterdir()} == {"source"}


def test_flags_of_the_way_back_need_it(run):
    status, line = run(stylegan2_nvidia, "--generator=G.pth", "--out=x")
    assert (status, line) == (2, "error: --generator does nothing without --export\n")


def test_a_source_without_a_critic_has_none_to_write(run, tmp_path):
    small(tmp_path / "source")
    (tmp_path / "source" / "critic.safetensors").unlink()
    description = json.loads((tmp_path / "source" / sources.JSON_NAME).read_text())
    del description["weights"]["critic"]
    (tmp_path / "source" / sources.JSON_NAME).write_text(json.dumps(description))
    status, line = run(biggan_pytorch, "--export=source", "--critic=D.pth")
    assert (status, line) == (2, "error: --critic=D.pth: source has no critic of its own\n")


def test_an_adapter_is_not_a_network(run, tmp_path):
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter.json").write_text("{}")
    status, line = run(biggan_pytorch, "--export=adapter", "--generator=G.pth")
    assert status == 2
    assert "adapter: an adapter, which holds miners alone: expected the run's folder" in line


def test_what_was_rewritten_is_said(run, tmp_path):
    """A BigGAN without --hier is written with it, and its user is told."""
    arrays = reader.read_torch(FIXTURES / "biggan32" / "G_ema.pth")
    size = arrays["shared.weight"].shape[1]
    for name in filter(biggan_simpler.CONDITIONAL.fullmatch, arrays):
        arrays[name] = arrays[name][:, :size]
    (tmp_path / "G.pth").write_bytes(zip_layout(arrays))
    converted = biggan_pytorch.convert(str(tmp_path / "G.pth"))
    assert converted.notes == ("trained without --hier, rewritten as with it",)
    command.write(converted, tmp_path / "source")
    _, line = run(biggan_pytorch, "--export=source", "--generator=new.pth")
    assert line == f"new.pth: source, a biggan; as it was converted: {converted.notes[0]}\n"
    written = reader.read_torch(tmp_path / "new.pth")["blocks.0.0.bn1.gain.weight"]
    assert written.shape[1] > size
