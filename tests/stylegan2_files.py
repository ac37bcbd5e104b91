"""Writes small StyleGAN2 files of random weights, in the three layouts that people have.

The weights of a network are a dictionary with the names and layouts of NVIDIA's PyTorch files;
`nvidia`, `tensorflow` and `rosinality` make the bytes of a file of them.
"""

import pickle
import struct

import numpy as np
from weight_files import MAGIC, Raw, dump, pickled, zip_layout

from minegan_jax import trees

FILTER = np.outer([1, 3, 3, 1], [1, 3, 3, 1]).astype("f4") / 64


def sizes_of(resolution):
    return [4 << i for i in range(resolution.bit_length() - 2)]


def generator_shapes(
    resolution, widths, *, z, w, layers=2, classes=0, channels=3, architecture="skip", hidden=None
):
    """Names and shapes of a generator's parameters and noise, without filters."""
    shapes = {"mapping.w_avg": (w,)}
    inputs = z
    if classes:
        shapes |= {"mapping.embed.weight": (w, classes), "mapping.embed.bias": (w,)}
        inputs += w
    for i in range(layers):
        outputs = w if i == layers - 1 else hidden or w
        shapes |= {f"mapping.fc{i}.weight": (outputs, inputs), f"mapping.fc{i}.bias": (outputs,)}
        inputs = outputs

    def styled(name, inputs, outputs, window, noise):
        shapes[f"{name}.weight"] = outputs, inputs, window, window
        shapes[f"{name}.bias"] = (outputs,)
        shapes[f"{name}.affine.weight"], shapes[f"{name}.affine.bias"] = (inputs, w), (inputs,)
        if noise:
            shapes[f"{name}.noise_const"], shapes[f"{name}.noise_strength"] = (noise, noise), ()

    below = widths[0]
    shapes["synthesis.b4.const"] = below, 4, 4
    for size, width in zip(sizes_of(resolution), widths, strict=True):
        block = f"synthesis.b{size}"
        if size > 4:
            styled(f"{block}.conv0", below, width, 3, size)
            if architecture == "resnet":
                shapes[f"{block}.skip.weight"] = width, below, 1, 1
        styled(f"{block}.conv1", width, width, 3, size)
        if architecture == "skip" or size == resolution:
            styled(f"{block}.torgb", width, channels, 1, 0)
        below = width
    return shapes


def critic_shapes(
    resolution, widths, *, classes=0, channels=3, layers=2, architecture="resnet", stddev=1
):
    """Names and shapes of a critic's parameters, without filters."""
    smallest = widths[0]
    shapes = {
        "b4.conv.weight": (smallest, smallest + stddev, 3, 3),
        "b4.conv.bias": (smallest,),
        "b4.fc.weight": (smallest, 16 * smallest),
        "b4.fc.bias": (smallest,),
        "b4.out.weight": (smallest if classes else 1, smallest),
        "b4.out.bias": (smallest if classes else 1,),
    }
    if architecture == "skip":
        shapes |= {"b4.fromrgb.weight": (smallest, channels, 1, 1), "b4.fromrgb.bias": (smallest,)}
    for size, below, width in zip(sizes_of(resolution)[1:], widths[:-1], widths[1:], strict=True):
        block = f"b{size}"
        if architecture == "skip" or size == resolution:
            shapes[f"{block}.fromrgb.weight"] = width, channels, 1, 1
            shapes[f"{block}.fromrgb.bias"] = (width,)
        for name, outputs in (("conv0", width), ("conv1", below)):
            shapes[f"{block}.{name}.weight"] = outputs, width, 3, 3
            shapes[f"{block}.{name}.bias"] = (outputs,)
        if architecture == "resnet":
            shapes[f"{block}.skip.weight"] = below, width, 1, 1
    if classes:
        shapes |= {"mapping.embed.weight": (smallest, classes), "mapping.embed.bias": (smallest,)}
        for i in range(layers):
            shapes[f"mapping.fc{i}.weight"] = smallest, smallest
            shapes[f"mapping.fc{i}.bias"] = (smallest,)
    return shapes


def drawn(shapes, seed, rate=0.01):
    """Random weights, none of which stands where training starts; some filters are nearly dead."""
    rng = np.random.default_rng(seed)
    arrays = {name: rng.normal(size=shape).astype("f4") for name, shape in shapes.items()}
    for name, array in arrays.items():
        if name.startswith("mapping.fc"):
            array /= rate
        if name.endswith("affine.bias"):
            array += 1
        if name.endswith(("conv0.weight", "conv1.weight")) and "synthesis" in name:
            array[0] *= 4e-4  # shows where the epsilon of the demodulation is
    return {name: np.asarray(array) for name, array in arrays.items()}


def filters_of(names):
    """What has a filter: every convolution but those to RGB, every block but a critic's last."""
    layers = {name.rpartition(".")[0] for name in names if name.endswith(".weight")}
    filtered = ("conv", "conv0", "conv1", "skip", "fromrgb")
    kept = {each for each in layers if each.rpartition(".")[2] in filtered}
    return sorted(kept | {each.removesuffix(".conv1") for each in kept if each.endswith(".conv1")})


def storage(array):
    """The instructions of a storage: bytes in PyTorch's older layout."""
    content = b"\x80\x02\x8a\x0a" + MAGIC + b"."
    identity = b"(" + dump("storage") + b"ctorch\nFloatStorage\n" + dump("7") + dump("cpu")
    top = Raw(identity + dump(array.size) + b"NtQ")
    parts = [pickled(1001), pickled({"little_endian": True}), pickled(top), pickled(["7"])]
    content += b"".join(parts) + struct.pack("<q", array.size) + array.tobytes("A")
    return bytes_call(content)


def bytes_call(content):
    """The instructions that read bytes as a storage."""
    given = b"B" + struct.pack("<I", len(content)) + content
    return Raw(b"ctorch.storage\n_load_from_bytes\n(" + given + b"tR")


def tensor(array, columns_first=False):
    """The instructions of a tensor, of whatever strides."""
    array = np.array(array, "f4", order="F" if columns_first else "C")
    strides = tuple(step // array.itemsize for step in array.strides)
    view = b"".join(map(dump, (0, array.shape, strides, False)))
    hooks = b"ccollections\nOrderedDict\n)R"
    return Raw(b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage(array) + view + hooks + b"tR")


def module(class_name, tree, attributes, place="", *, source="", newest=True):
    """The instructions of a module and those inside it; a tree's leaves are its tensors."""
    tensors = {key: leaf for key, leaf in tree.items() if not isinstance(leaf, dict)}
    inner = {
        key: module("Layer", leaf, attributes, f"{place}.{key}".strip("."), newest=newest)
        for key, leaf in tree.items()
        if isinstance(leaf, dict)
    }
    buffers = {key: leaf for key, leaf in tensors.items() if key == "resample_filter"}
    state = {
        "training": False,
        "_parameters": {key: leaf for key, leaf in tensors.items() if key not in buffers},
        "_buffers": buffers,
        "_non_persistent_buffers_set": Raw(
            b"\x8f(" + dump("p") + b"\x90" if newest else b"cbuiltins\nset\n((ltR"
        ),
        "_modules": inner,
        **attributes.get(place, {}),
        "_init_kwargs": Raw(b"cdnnlib.util\nEasyDict\n)\x81(" + dump("x") + dump(1) + b"u"),
    }
    described = {"type": "class", "version": 6, "module_src": source, "class_name": class_name}
    arguments = dump({**described, "state": state})
    return Raw(b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n(" + arguments + b"tR")


def scalar(value):
    """The instructions of a NumPy number or array."""
    return Raw(pickle.dumps(value, 3)[2:-1])


def attributes_of(arrays, *, clamp, rate, group):
    """What NVIDIA's modules say beside their arrays."""
    found = {}
    for name in {name.rpartition(".")[0] for name in arrays}:
        layer = name.rpartition(".")[2]
        if layer.startswith("fc") or layer in ("embed", "affine", "out"):
            linear = layer in ("embed", "affine", "out")
            gain = rate if name.startswith("mapping.fc") else 1
            found[name] = {"activation": "linear" if linear else "lrelu", "bias_gain": gain}
        elif layer in ("conv0", "conv1", "conv", "fromrgb", "skip"):
            bound = None if layer == "skip" or name == "b4.fromrgb" else clamp
            found[name] = {"activation": "linear" if layer == "skip" else "lrelu"}
            found[name] |= {"conv_clamp": bound, "act_gain": scalar(np.float64(2**0.5))}
        elif layer == "torgb":
            found[name] = {"conv_clamp": clamp}
    return found | {"b4.mbstd": {"group_size": group, "num_channels": 1}}


def nested(arrays):
    """Dictionaries in dictionaries in the place of names with dots."""
    return trees.from_named_leaves({n.replace(".", "/"): leaf for n, leaf in arrays.items()})


def nvidia_module(arrays, *, clamp=None, rate=0.01, group=4, change=None, **options):
    """One network of `nvidia`; `change` edits its tree and attributes."""
    filters = {f"{each}.resample_filter": FILTER for each in filters_of(arrays)}
    attributes = attributes_of(arrays, clamp=clamp, rate=rate, group=group)
    every = {**arrays, **filters}
    if change:
        change(every, attributes)
    tree = nested({name: tensor(a, i % 2 == 1) for i, (name, a) in enumerate(every.items())})
    if "b4" in tree:
        tree["b4"]["mbstd"] = {}
    return module("Network", tree, attributes, **options)


def nvidia(networks, *, protocol=4):
    """The bytes of NVIDIA's PyTorch pickle, of networks by key."""
    kept = {"training_set_kwargs": {"class_name": "Data"}, **networks, "augment_pipe": None}
    return b"\x80" + bytes([protocol]) + dump(kept) + b"."


def tensorflow_network(variables, settings, *, name, version, components=None):
    """The instructions of a network of TensorFlow."""
    state = {
        **{"version": version, "name": name, "static_kwargs": settings, "build_module_src": ""},
        **{"build_func_name": name, "components": components or {}},
        "variables": [(key, scalar(array)) for key, array in variables.items()],
    }
    return Raw(b"cdnnlib.tflib.network\nNetwork\n)\x81" + dump(state) + b"b")


def tensorflow_generator(arrays):
    """The variables of a generator in TensorFlow, by component."""
    found = {"": {"lod": np.float32(0)}, "synthesis": {}, "mapping": {}}
    for name, array in arrays.items():
        part, _, rest = name.partition(".")
        *path, last = rest.split(".")
        if part == "mapping":
            if rest == "w_avg":
                found[""]["dlatent_avg"] = array
                continue
            layer = path[0].replace("fc", "Dense").replace("embed", "LabelEmbed")
            found["mapping"][f"{layer}/{last}"] = np.ascontiguousarray(array.T)
            continue
        size = int(path[0][1:])
        block = f"{size}x{size}"
        if last == "const":
            found["synthesis"][f"{block}/Const/const"] = array[None]
            continue
        names = {"conv0": "Conv0_up", "conv1": "Conv" if size == 4 else "Conv1"}
        layer = {**names, "torgb": "ToRGB", "skip": "Skip"}[path[1]]
        if last == "noise_const":
            number = 2 * int(np.log2(size)) - (5 if path[1] == "conv0" else 4)
            found["synthesis"][f"noise{number}"] = array[None, None]
        elif path[-1] == "affine":
            value = array.T if last == "weight" else array - 1
            found["synthesis"][f"{block}/{layer}/mod_{last}"] = np.ascontiguousarray(value)
        elif last == "weight":
            value = array.transpose(2, 3, 1, 0)
            value = value[::-1, ::-1] if path[1] == "conv0" else value
            found["synthesis"][f"{block}/{layer}/weight"] = np.ascontiguousarray(value)
        else:
            value = np.float32(array) if array.ndim == 0 else array
            found["synthesis"][f"{block}/{layer}/{last}"] = value
    return found


def tensorflow_critic(arrays):
    """The variables of a critic in TensorFlow."""
    found = {}
    for name, array in arrays.items():
        first, layer, last = name.split(".")
        if first == "mapping":
            ours = layer.replace("fc", "Mapping").replace("embed", "LabelEmbed")
        elif layer == "out":
            ours = "Output"
        else:
            small = {"conv": "Conv", "fc": "Dense0", "conv0": "Conv0", "conv1": "Conv1_down"}
            kind = {**small, "fromrgb": "FromRGB", "skip": "Skip"}[layer]
            ours = f"{first[1:]}x{first[1:]}/{kind}"
        value = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
        found[f"{ours}/{last}"] = np.ascontiguousarray(value)
    return found


def tensorflow(generator, critic, *, settings=None, critic_settings=None, version=4):
    """The bytes of NVIDIA's TensorFlow pickle; generators have different weights."""
    parts = tensorflow_generator(generator)
    inner = {
        key: tensorflow_network(parts[key], settings or {}, name=key, version=version)
        for key in ("synthesis", "mapping")
    }
    averaged = tensorflow_network(
        parts[""], settings or {}, name="G_main", version=version, components=inner
    )
    judge = tensorflow_network(
        tensorflow_critic(critic), critic_settings or {}, name="D_main", version=version
    )
    return b"\x80\x04" + dump((averaged, judge, averaged)) + b"."


def rosinality_generator(arrays):
    """The arrays of a generator as rosinality has them."""
    found = {}
    for name, array in arrays.items():
        part, _, rest = name.partition(".")
        *path, last = rest.split(".")
        if part == "mapping":
            if rest != "w_avg":
                found[f"style.{int(path[0][2:]) + 1}.{last}"] = array
            continue
        if last == "const":
            found["input.input"] = array[None]
            continue
        size = int(path[0][1:])
        k = int(np.log2(size)) - 3
        places = {"conv0": f"convs.{2 * k}", "conv1": f"convs.{2 * k + 1}", "torgb": f"to_rgbs.{k}"}
        layer = {"conv1": "conv1", "torgb": "to_rgb1"}[path[1]] if size == 4 else places[path[1]]
        if last == "noise_const":
            number = 2 * k + (1 if path[1] == "conv0" else 2)
            found[f"noises.noise_{number}"] = array[None, None]
        elif last == "noise_strength":
            found[f"{layer}.noise.weight"] = array[None]
        elif path[-1] == "affine":
            found[f"{layer}.conv.modulation.{last}"] = array
        elif last == "weight":
            found[f"{layer}.conv.weight"] = array[None]
            up = {"conv0": "conv.blur", "torgb": "upsample"}.get(path[1])
            if up and size > 4:
                found[f"{layer}.{up}.kernel"] = FILTER * 4
        elif path[1] == "torgb":
            found[f"{layer}.bias"] = array[None, :, None, None]
        else:
            found[f"{layer}.activate.bias"] = array
    return found


def rosinality_critic(arrays):
    """The arrays of a critic as rosinality has them."""
    largest = max(int(name.partition(".")[0][1:]) for name in arrays)
    found = {}
    for name, array in arrays.items():
        first, layer, last = name.split(".")
        size = int(first[1:])
        block = f"convs.{int(np.log2(largest // size)) + 1}"
        weight = last == "weight"
        ours = {
            "fromrgb": f"convs.0.{0 if weight else 1}",
            "conv0": f"{block}.conv1.{0 if weight else 1}",
            "conv1": f"{block}.conv2.{1 if weight else 2}",
            "skip": f"{block}.skip.1",
            "conv": f"final_conv.{0 if weight else 1}",
            "fc": "final_linear.0",
            "out": "final_linear.1",
        }[layer]
        found[f"{ours}.{last}"] = array
        if layer in ("conv1", "skip") and weight:
            found[ours.rpartition(".")[0] + ".0.kernel"] = FILTER
    return found


def rosinality(generator, critic=None, *, mean=None, without=(), change=None):
    """The bytes of rosinality's file; `without` drops what has these in its name."""
    kept = {"g_ema": rosinality_generator(generator)}
    if critic is not None:
        kept["d"] = rosinality_critic(critic)
    for network in kept.values():
        for name in [n for n in network if any(part in n for part in without)]:
            del network[name]
    if mean is not None:
        kept["latent_avg"] = mean
    if change:
        change(kept)
    return zip_layout(kept)


def small_weights():
    """Random weights of the smallest generator and critic."""
    return (
        drawn(generator_shapes(8, (3, 2), z=4, w=3), 0),
        drawn(critic_shapes(8, (3, 2)), 1),
    )


def small_nvidia():
    """The bytes of a small PyTorch pickle of NVIDIA's."""
    generator, critic = small_weights()
    return nvidia({"D": nvidia_module(critic), "G_ema": nvidia_module(generator)})


def small_tensorflow():
    """The bytes of a small TensorFlow pickle."""
    return tensorflow(*small_weights())


def small_rosinality():
    """The bytes of a small file of rosinality's."""
    return rosinality(*small_weights())
